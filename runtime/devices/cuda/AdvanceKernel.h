//===- AdvanceKernel.h - PTX from a decode step to the next -----*- C++ -*-===//
//
// Written by hand, because every package needs the same and none should carry
// it. One block: a thread takes each row r, of token i = rows[r]:
//
//   found[i] = chosen[r]; tokens[i] = chosen[r], or 0 where it is no token
//   positions[i] += 1
//   slots[i] = the KV slot of that position, or -1 past the page table
//
// Then one thread sets the splits for the longest sequence, by the formula of
// plan::splitLength().
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_ADVANCEKERNEL_H
#define QUIPU_RUNTIME_DEVICES_CUDA_ADVANCEKERNEL_H

#include <cstdint>

namespace quipu::cuda {

inline constexpr const char *advanceKernelName = "quipu_advance";
inline constexpr int64_t advanceKernelThreads = 128;

/// Its parameters, all of 64 bits: addresses of tokens, positions, slots,
/// sequences, pages, rows, chosen tokens, KernelDims and found; then the page
/// size, the plan's maxSplits and the vocabulary's size.
inline constexpr int64_t advanceKernelParameters = 12;

inline constexpr const char *advanceKernelPtx = R"(
.version 7.0
.target sm_80
.address_size 64

.visible .entry quipu_advance(
	.param .u64 advance_tokens,
	.param .u64 advance_positions,
	.param .u64 advance_slots,
	.param .u64 advance_sequences,
	.param .u64 advance_pages,
	.param .u64 advance_rows,
	.param .u64 advance_chosen,
	.param .u64 advance_dims,
	.param .u64 advance_found,
	.param .u64 advance_page_size,
	.param .u64 advance_max_splits,
	.param .u64 advance_vocabulary
)
.maxntid 128, 1, 1
{
	.reg .pred %p<6>;
	.reg .b32 %thread, %threads, %count, %width, %page_size, %max_splits;
	.reg .b32 %vocabulary, %row, %token, %next, %position, %sequence;
	.reg .b32 %page, %within, %slot, %longest, %length, %splits, %t;
	.reg .b64 %tokens, %positions, %slots, %sequences, %pages, %rows;
	.reg .b64 %chosen, %dims, %found, %at, %a, %wide;

	ld.param.u64 %tokens, [advance_tokens];
	ld.param.u64 %positions, [advance_positions];
	ld.param.u64 %slots, [advance_slots];
	ld.param.u64 %sequences, [advance_sequences];
	ld.param.u64 %pages, [advance_pages];
	ld.param.u64 %rows, [advance_rows];
	ld.param.u64 %chosen, [advance_chosen];
	ld.param.u64 %dims, [advance_dims];
	ld.param.u64 %found, [advance_found];
	ld.param.u64 %wide, [advance_page_size];
	cvt.u32.u64 %page_size, %wide;
	ld.param.u64 %wide, [advance_max_splits];
	cvt.u32.u64 %max_splits, %wide;
	ld.param.u64 %wide, [advance_vocabulary];
	cvt.u32.u64 %vocabulary, %wide;
	ld.global.u64 %wide, [%dims+8];
	cvt.u32.u64 %count, %wide;
	ld.global.u64 %wide, [%dims+24];
	cvt.u32.u64 %width, %wide;
	mov.u32 %thread, %tid.x;
	mov.u32 %threads, %ntid.x;
	mov.u32 %row, %thread;

$L_row:
	setp.ge.u32 %p1, %row, %count;
	@%p1 bra $L_joined;
	mul.wide.u32 %at, %row, 4;
	add.s64 %a, %rows, %at;
	ld.global.u32 %token, [%a];
	add.s64 %a, %chosen, %at;
	ld.global.u32 %next, [%a];
	mul.wide.u32 %at, %token, 4;
	add.s64 %a, %found, %at;
	st.global.u32 [%a], %next;
	setp.lt.u32 %p2, %next, %vocabulary;
	selp.b32 %next, %next, 0, %p2;
	add.s64 %a, %tokens, %at;
	st.global.u32 [%a], %next;
	add.s64 %a, %positions, %at;
	ld.global.u32 %position, [%a];
	add.s32 %position, %position, 1;
	st.global.u32 [%a], %position;
	div.u32 %page, %position, %page_size;
	mul.lo.s32 %t, %page, %page_size;
	sub.s32 %within, %position, %t;
	mov.u32 %slot, -1;
	setp.ge.u32 %p3, %page, %width;
	@%p3 bra $L_slot;
	add.s64 %a, %sequences, %at;
	ld.global.u32 %sequence, [%a];
	mad.lo.s32 %t, %sequence, %width, %page;
	mul.wide.u32 %wide, %t, 4;
	add.s64 %a, %pages, %wide;
	ld.global.u32 %t, [%a];
	mad.lo.s32 %slot, %t, %page_size, %within;
$L_slot:
	add.s64 %a, %slots, %at;
	st.global.u32 [%a], %slot;
	add.s32 %row, %row, %threads;
	bra $L_row;

$L_joined:
	bar.sync 0;
	setp.ne.u32 %p1, %thread, 0;
	@%p1 bra $L_end;
	mov.u32 %longest, 1;
	mov.u32 %row, 0;
$L_scan:
	setp.ge.u32 %p2, %row, %count;
	@%p2 bra $L_scanned;
	mul.wide.u32 %at, %row, 4;
	add.s64 %a, %rows, %at;
	ld.global.u32 %token, [%a];
	mul.wide.u32 %at, %token, 4;
	add.s64 %a, %positions, %at;
	ld.global.u32 %position, [%a];
	add.s32 %position, %position, 1;
	max.u32 %longest, %longest, %position;
	add.s32 %row, %row, 1;
	bra $L_scan;
$L_scanned:
	add.s32 %t, %longest, %max_splits;
	sub.s32 %t, %t, 1;
	div.u32 %length, %t, %max_splits;
	max.u32 %length, %length, 256;
	add.s32 %t, %length, %page_size;
	sub.s32 %t, %t, 1;
	div.u32 %t, %t, %page_size;
	mul.lo.s32 %length, %t, %page_size;
	cvt.u64.u32 %wide, %length;
	st.global.u64 [%dims+40], %wide;
	add.s32 %t, %longest, %length;
	sub.s32 %t, %t, 1;
	div.u32 %splits, %t, %length;
	cvt.u64.u32 %wide, %splits;
	st.global.u64 [%dims+32], %wide;
$L_end:
	ret;
}
)";

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_ADVANCEKERNEL_H
