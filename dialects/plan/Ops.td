//===- Ops.td - The plan dialect: ops -------------------------------------===//
//
// Buffers are bytes of an arena at fixed offsets; nothing here is a tensor.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_PLAN_OPS_TD
#define QUIPU_DIALECTS_PLAN_OPS_TD

include "dialects/plan/Dialect.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"

class Plan_Op<string mnemonic, list<Trait> traits = []>
    : Op<Plan_Dialect, mnemonic, traits>;

def Plan_ParameterOp : Plan_Op<"parameter", [Symbol]> {
  let summary = "a read-only buffer and how its bytes come to be";
  let description = [{
    A tensor of the model file, in place. Other layouts are further recipes.

    ```mlir
    plan.parameter @layers.0.attn.wq : tensor<576x576x!llama.q4_1>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type);
  let assemblyFormat = "$sym_name `:` $type attr-dict";
}

def Plan_RopeTableOp : Plan_Op<"rope_table", [Symbol]> {
  let summary = "a read-only buffer of cos and sin by position";
  let description = [{
    As llama.rope_table; made for the context that the runtime chooses.

    ```mlir
    plan.rope_table @rope [1.0, 0.1] scale 1.0
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       DenseF32ArrayAttr:$inverse_frequencies, F32Attr:$scale);
  let assemblyFormat = "$sym_name $inverse_frequencies `scale` $scale attr-dict";
}

def Plan_BucketOp : Plan_Op<"bucket", [Symbol, NoTerminator, SingleBlock,
    NoRegionArguments, IsolatedFromAbove]> {
  let summary = "the launches of a step with T <= max_tokens and R <= max_rows";
  let description = [{
    For one entry, `logits` or `argmax`, which is among the outputs. Offsets and
    the arena's size are multiples of 64 bytes; `query_tile` is the most tokens
    of a work item, 0 where no launch reads the work list. Where there are
    buffers, every argument in the arena is one that lives at its launch, every
    output one of rows that lives to the end, and two that live at one launch
    share no byte.

    ```mlir
    plan.bucket @decode_logits "decode" entry "logits" max_tokens 1 max_rows 1 arena 198912 {
      plan.buffer at 0 rows by 2304 live 0 to 0
      plan.buffer at 2304 rows by 196608 live 0 to 0
      plan.launch @matvec_0 "lm_head" [#plan.arena<0>, #plan.param<@w>, #plan.arena<2304>]
          grid <1536, <rows by 1>>
      plan.output "logits" at 2304 columns 49152
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$bucket, StrAttr:$entry,
                       I64Attr:$max_tokens, I64Attr:$max_rows,
                       I64Attr:$arena_bytes, DefaultValuedAttr<I64Attr, "0">:$query_tile,
                       DefaultValuedAttr<Plan_Device, "::quipu::planir::DeviceKind::cpu">:$device);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name $bucket `entry` $entry `max_tokens` $max_tokens `max_rows` $max_rows
    `arena` $arena_bytes (`query_tile` $query_tile^)? (`device` $device^)?
    $body attr-dict
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Plan_BufferOp : Plan_Op<"buffer", [HasParent<"BucketOp">]> {
  let summary = "a part of the arena while launches use it";
  let description = [{
    `row_bytes` for each of the step's tokens or rows. Launches `first` to `last`
    of the bucket use it, counted from 0; a step's output lives to the end.

    ```mlir
    plan.buffer at 2304 rows by 196608 live 0 to 0
    ```
  }];
  let arguments = (ins I64Attr:$offset, Plan_Symbol:$extent, I64Attr:$row_bytes,
                       I64Attr:$first, I64Attr:$last);
  let assemblyFormat = [{
    `at` $offset $extent `by` $row_bytes `live` $first `to` $last attr-dict
  }];
  let extraClassDeclaration = [{
    /// Bytes with as many tokens and rows as the bucket takes.
    int64_t mostBytes();
  }];
  let hasVerifier = 1;
}

def Plan_LaunchOp : Plan_Op<"launch", [HasParent<"BucketOp">,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs every tile of a kernel";
  let description = [{
    `kernel` is the function of a skeleton for the bucket's device, or its name
    with `_merge`, the same with the same arguments: those of the function, in
    order, a KV cache taking keys, then values; the work list in a prefill; the
    results but KV caches; and partial results, where there is a merge. A factor
    of `one` folds away. With `product`, the launch is also a product of
    matrices, which the device may compute in its own way.

    ```mlir
    plan.launch @matvec_0 "lm_head" [#plan.arena<0>, #plan.param<@w>, #plan.arena<2304>]
        grid <1536, <rows by 1>> product <rows, input = 0, weights = 1, output = 2>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, StrAttr:$label,
                       ArrayAttr:$arguments, Plan_Grid:$grid,
                       OptionalAttr<Plan_Product>:$product);
  let assemblyFormat = [{
    $kernel $label $arguments `grid` $grid (`product` $product^)? attr-dict
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Plan_OutputOp : Plan_Op<"output", [HasParent<"BucketOp">]> {
  let summary = "what a step leaves in the arena";
  let description = [{
    `columns` numbers of 4 bytes for each of up to max_rows rows.

    ```mlir
    plan.output "logits" at 2304 columns 49152
    ```
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$offset, I64Attr:$columns);
  let assemblyFormat = "$name `at` $offset `columns` $columns attr-dict";
  let hasVerifier = 1;
}

#endif // QUIPU_DIALECTS_PLAN_OPS_TD
