//===- Dialect.td - The llama dialect: types and attributes ---------------===//
//
// The graph of a LLaMA-family model. Types of stored elements carry no
// arithmetic: they say how bytes are laid out, and kernels decode them.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_LLAMA_DIALECT_TD
#define QUIPU_DIALECTS_LLAMA_DIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Llama_Dialect : Dialect {
  let name = "llama";
  let cppNamespace = "::quipu::llama";
  let summary = "What a LLaMA-family model computes";
  let description = [{
    Value-semantic ops on ranked tensors. The tokens of all sequences of a step
    are packed into one leading dynamic dimension T, with a position, a KV slot
    and a sequence index per token, so that prefill, decode and mixed batches
    are one graph. Parameters are symbols with their stored element type.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

class Llama_Type<string name, string typeMnemonic> : TypeDef<Llama_Dialect, name> {
  let mnemonic = typeMnemonic;
}

// A quantized element. One class per format, so that IR reads
// tensor<576x576x!llama.q4_1>; the geometry is in base/ElementType.h.
class Llama_Stored<string name, string typeMnemonic, string what>
    : Llama_Type<name, typeMnemonic> {
  let summary = what;
}

def Llama_Q8_0 : Llama_Stored<"Q8_0", "q8_0", "32 elements: f16 scale, i8 quants">;
def Llama_Q4_0 : Llama_Stored<"Q4_0", "q4_0", "32 elements: f16 scale, u4 - 8">;
def Llama_Q4_1 : Llama_Stored<"Q4_1", "q4_1", "32 elements: f16 scale and minimum, u4">;
def Llama_Q5_0 : Llama_Stored<"Q5_0", "q5_0", "32 elements: f16 scale, u5 - 16">;
def Llama_Q5_1 : Llama_Stored<"Q5_1", "q5_1", "32 elements: f16 scale and minimum, u5">;
def Llama_Q2_K : Llama_Stored<"Q2_K", "q2_k", "256 elements: 16 sub-blocks of u2, 4-bit scales and minima">;
def Llama_Q3_K : Llama_Stored<"Q3_K", "q3_k", "256 elements: 16 sub-blocks of u3 - 4, 6-bit scales">;
def Llama_Q4_K : Llama_Stored<"Q4_K", "q4_k", "256 elements: 8 sub-blocks of u4, 6-bit scales and minima">;
def Llama_Q5_K : Llama_Stored<"Q5_K", "q5_k", "256 elements: 8 sub-blocks of u5, 6-bit scales and minima">;
def Llama_Q6_K : Llama_Stored<"Q6_K", "q6_k", "256 elements: 16 sub-blocks of u6 - 32, i8 scales">;

def Llama_Kv : Llama_Type<"Kv", "kv"> {
  let summary = "KV cache of one layer";
  let description = [{
    `!llama.kv<heads x head_dim, page P, type>`: keys and values by slot, paged:
    slot s is position s mod P of page s / P. Opaque and linear: a value has at
    most one append, and readers of the old value precede it.
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$headDim,
                        "int64_t":$pageSize, "::mlir::Type":$elementType);
  let assemblyFormat = [{
    `<` $heads `,` $headDim `,` `page` $pageSize `,` $elementType `>`
  }];
  let genVerifyDecl = 1;
}

def Llama_Bucket : AttrDef<Llama_Dialect, "Bucket"> {
  let mnemonic = "bucket";
  let summary = "bounds under which a clone of the step runs";
  let description = [{
    The step is compiled for T <= max_tokens and R <= max_rows, for one entry
    (`logits` or `argmax` of the selected rows) and one kind of device. With
    `gemm = cublas`, on a GPU alone, a linear that cuBLAS can compute stays a
    kernel by itself (kernel::refuseLibraryProduct says which).
  }];
  let parameters = (ins StringRefParameter<>:$name, StringRefParameter<>:$entry,
                        "int64_t":$maxTokens, "int64_t":$maxRows,
                        DefaultValuedParameter<"::quipu::llama::DeviceKind",
                            "::quipu::llama::DeviceKind::cpu">:$device,
                        DefaultValuedParameter<"::quipu::llama::Gemm",
                            "::quipu::llama::Gemm::generated">:$gemm);
  let assemblyFormat = [{
    `<` custom<Word>($name) `,` custom<Word>($entry) `,` `max_tokens` `=` $maxTokens
        `,` `max_rows` `=` $maxRows (`,` `device` `=` $device^)?
        (`,` `gemm` `=` $gemm^)? `>`
  }];
  let genVerifyDecl = 1;
}

#endif // QUIPU_DIALECTS_LLAMA_DIALECT_TD
