//===- RoundKernel.cpp - PTX that rounds activations to 16 bits -----------===//
//
// One text for both types: NAME and TYPE stand for what differs.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/RoundKernel.h"

#include <string_view>

namespace quipu::cuda {
namespace {

constexpr std::string_view header = R"(
.version 7.0
.target sm_80
.address_size 64
)";

constexpr std::string_view entry = R"(
.visible .entry NAME(
	.param .u64 NAME_in,
	.param .u64 NAME_out,
	.param .u64 NAME_count
)
.maxntid 256, 1, 1
{
	.reg .pred %p<5>;
	.reg .b16 %h<5>;
	.reg .b32 %thread, %threads, %block, %blocks;
	.reg .f32 %f<5>;
	.reg .b64 %in, %out, %count, %i, %end, %stride, %from, %to, %at;

	ld.param.u64 %in, [NAME_in];
	ld.param.u64 %out, [NAME_out];
	ld.param.u64 %count, [NAME_count];
	mov.u32 %thread, %tid.x;
	mov.u32 %threads, %ntid.x;
	mov.u32 %block, %ctaid.x;
	mov.u32 %blocks, %nctaid.x;
	mul.wide.u32 %i, %block, %threads;
	cvt.u64.u32 %at, %thread;
	add.s64 %i, %i, %at;
	shl.b64 %i, %i, 2;
	mul.wide.u32 %stride, %blocks, %threads;
	shl.b64 %stride, %stride, 2;

$L_NAME_next:
	setp.ge.u64 %p1, %i, %count;
	@%p1 bra $L_NAME_end;
	shl.b64 %at, %i, 2;
	add.s64 %from, %in, %at;
	shl.b64 %at, %i, 1;
	add.s64 %to, %out, %at;
	add.s64 %end, %i, 4;
	setp.gt.u64 %p2, %end, %count;
	@%p2 bra $L_NAME_tail;
	ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%from];
	cvt.rn.TYPE.f32 %h1, %f1;
	cvt.rn.TYPE.f32 %h2, %f2;
	cvt.rn.TYPE.f32 %h3, %f3;
	cvt.rn.TYPE.f32 %h4, %f4;
	st.global.v4.b16 [%to], {%h1, %h2, %h3, %h4};
	add.s64 %i, %i, %stride;
	bra $L_NAME_next;

$L_NAME_tail:
	ld.global.f32 %f1, [%from];
	cvt.rn.TYPE.f32 %h1, %f1;
	st.global.b16 [%to], %h1;
	add.s64 %from, %from, 4;
	add.s64 %to, %to, 2;
	add.s64 %i, %i, 1;
	setp.lt.u64 %p3, %i, %count;
	@%p3 bra $L_NAME_tail;
$L_NAME_end:
	ret;
}
)";

std::string replaced(std::string_view text, std::string_view what,
                     std::string_view with) {
  std::string result;
  for (size_t at; (at = text.find(what)) != text.npos;
       text.remove_prefix(at + what.size()))
    result.append(text.substr(0, at)).append(with);
  return result.append(text);
}

} // namespace

std::string roundKernelName(ElementType type) {
  return "quipu_round_" + std::string(name(type));
}

std::string roundKernelPtx() {
  std::string ptx(header);
  for (ElementType type : {ElementType::f16, ElementType::bf16})
    ptx += replaced(replaced(entry, "NAME", roundKernelName(type)), "TYPE",
                    name(type));
  return ptx;
}

} // namespace quipu::cuda
