//===- Ops.td - The llama dialect: ops ------------------------------------===//
//
// Shapes below: T tokens of a step, R selected rows, H hidden_size, D head_dim,
// N outputs of a linear. Values on graph edges are f32; parameters are stored.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_LLAMA_OPS_TD
#define QUIPU_DIALECTS_LLAMA_OPS_TD

include "dialects/llama/Dialect.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Llama_DeviceKind : I32EnumAttr<"DeviceKind", "the kinds of device that a step is compiled for", [
    I32EnumAttrCase<"cpu", 0>, I32EnumAttrCase<"gpu", 1>]> {
  let cppNamespace = "::quipu::llama";
}

def Llama_Gemm : I32EnumAttr<"Gemm", "who computes the products of a step with many tokens", [
    I32EnumAttrCase<"generated", 0>, I32EnumAttrCase<"cublas", 1>]> {
  let cppNamespace = "::quipu::llama";
}

def Llama_PairingAttr : I32EnumAttr<"Pairing", "which elements of a head rotate together", [
    I32EnumAttrCase<"half", 0>, I32EnumAttrCase<"interleaved", 1>]> {
  let cppNamespace = "::quipu::llama";
}

class Llama_Op<string mnemonic, list<Trait> traits = []>
    : Op<Llama_Dialect, mnemonic, traits>;

def Llama_Activation : TensorRankOf<[F32], [2]>;
def Llama_Indices : TensorRankOf<[I32], [1]>;
def Llama_Table : TensorRankOf<[I32], [2]>;

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

def Llama_ParamOp : Llama_Op<"param", [Symbol]> {
  let summary = "a weight, with its stored element type";
  let description = [{
    Declares a tensor of the model file. A matrix is (outputs, inputs).

    ```mlir
    llama.param @layers.0.attn.wq : tensor<576x576x!llama.q4_1>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyRankedTensor>:$type);
  let assemblyFormat = "$sym_name `:` $type attr-dict";
  let hasVerifier = 1;
}

def Llama_RopeTableOp : Llama_Op<"rope_table", [Symbol]> {
  let summary = "angles of the rotary position embedding";
  let description = [{
    The table cos(p * f_i) * scale, sin(p * f_i) * scale for every position p
    and pair i, computed in f32 as Hugging Face does. All scaling variants are
    folded into the frequencies and the scale.

    ```mlir
    llama.rope_table @rope [1.0, 0.1] scale 1.0
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       DenseF32ArrayAttr:$inverse_frequencies, F32Attr:$scale);
  let assemblyFormat = "$sym_name $inverse_frequencies `scale` $scale attr-dict";
}

//===----------------------------------------------------------------------===//
// Token-wise ops
//===----------------------------------------------------------------------===//

def Llama_EmbeddingOp : Llama_Op<"embedding", [Pure,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "rows of the embedding table: out[t, :] = table[tokens[t], :]";
  let description = [{
    ```mlir
    %x = llama.embedding %tokens, @tok_embed
             : tensor<?xi32> -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Llama_Indices:$tokens, FlatSymbolRefAttr:$table);
  let results = (outs Llama_Activation:$result);
  let assemblyFormat = "$tokens `,` $table attr-dict `:` type($tokens) `->` type($result)";
}

def Llama_RmsNormOp : Llama_Op<"rms_norm", [Pure, SameOperandsAndResultType,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "out[t, k] = x[t, k] * gamma[k] / sqrt(mean_k(x[t, k]^2) + eps)";
  let description = [{
    ```mlir
    %n = llama.rms_norm %x, @layers.0.attn_norm eps 1.0e-5 : tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Llama_Activation:$input, FlatSymbolRefAttr:$gamma, F32Attr:$eps);
  let results = (outs Llama_Activation:$result);
  let assemblyFormat = "$input `,` $gamma `eps` $eps attr-dict `:` type($result)";
}

def Llama_LinearOp : Llama_Op<"linear", [Pure,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "out_i[t, n] = sum_k x[t, k] * weight_i[n, k] + bias_i[n]";
  let description = [{
    One result per weight; several weights share one reading of the input. With
    biases there are as many as weights; `unit` stands for none. Biases that are
    all none fold away; equal products are canonicalized into one.

    ```mlir
    %q, %k = llama.linear %n, [@wq, @wk] : tensor<?x576xf32>
                 -> tensor<?x576xf32>, tensor<?x192xf32>
    ```
  }];
  let arguments = (ins Llama_Activation:$input, FlatSymbolRefArrayAttr:$weights,
                       OptionalAttr<ArrayAttr>:$biases);
  let results = (outs Variadic<Llama_Activation>:$results);
  let assemblyFormat = [{
    $input `,` $weights (`bias` $biases^)? attr-dict `:` type($input) `->` type($results)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    /// The bias of weight `i`, or null.
    ::mlir::FlatSymbolRefAttr getBias(unsigned i);
  }];
}

def Llama_RopeOp : Llama_Op<"rope", [Pure,
    AllTypesMatch<["input", "result"]>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "rotates the pairs of every head by position";
  let description = [{
    For head h, pair i with elements a and b of `pairing` (half: i and i + D/2;
    interleaved: 2i and 2i + 1), and c, s = table[positions[t], i]:

        out_a = a * c - b * s        out_b = b * c + a * s

    ```mlir
    %r = llama.rope %q, %positions, @rope half head_dim 64
             : tensor<?x576xf32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins Llama_Activation:$input, Llama_Indices:$positions,
                       FlatSymbolRefAttr:$table, Llama_PairingAttr:$pairing,
                       I64Attr:$head_dim);
  let results = (outs Llama_Activation:$result);
  let assemblyFormat = [{
    $input `,` $positions `,` $table $pairing `head_dim` $head_dim attr-dict
    `:` type($input) `,` type($positions)
  }];
  let hasVerifier = 1;
}

def Llama_SiluOp : Llama_Op<"silu", [Pure, SameOperandsAndResultType]> {
  let summary = "out = x / (1 + exp(-x))";
  let description = [{
    ```mlir
    %s = llama.silu %gate : tensor<?x1536xf32>
    ```
  }];
  let arguments = (ins Llama_Activation:$input);
  let results = (outs Llama_Activation:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

class Llama_BinaryOp<string mnemonic> : Llama_Op<mnemonic, [Pure,
    SameOperandsAndResultType, Commutative]> {
  let arguments = (ins Llama_Activation:$lhs, Llama_Activation:$rhs);
  let results = (outs Llama_Activation:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
  let hasFolder = 1;
}

def Llama_MulOp : Llama_BinaryOp<"mul"> {
  let summary = "out = lhs * rhs, elementwise";
  let description = [{
    Times a constant 1 folds to the other operand.

    ```mlir
    %m = llama.mul %s, %up : tensor<?x1536xf32>
    ```
  }];
}

def Llama_AddOp : Llama_BinaryOp<"add"> {
  let summary = "out = lhs + rhs, elementwise";
  let description = [{
    Plus a constant -0 folds to the other operand (and +0 does not: it turns -0
    into +0).

    ```mlir
    %y = llama.add %x, %o : tensor<?x576xf32>
    ```
  }];
}

def Llama_SelectRowsOp : Llama_Op<"select_rows", [Pure,
    InferTypeOpAdaptor]> {
  let summary = "out[r, :] = x[rows[r], :]";
  let description = [{
    Where the dimension T of tokens becomes R, the rows whose logits are asked
    for. All rows in order, as a constant, fold to x.

    ```mlir
    %l = llama.select_rows %x, %rows
             : tensor<?x576xf32>, tensor<?xi32> -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Llama_Activation:$input, Llama_Indices:$rows);
  let results = (outs Llama_Activation:$result);
  let assemblyFormat = [{
    $input `,` $rows attr-dict `:` type($input) `,` type($rows) `->` type($result)
  }];
  let hasFolder = 1;
}

def Llama_ArgmaxOp : Llama_Op<"argmax", [Pure,
    InferTypeOpAdaptor]> {
  let summary = "out[r] = the lowest n with the largest x[r, n]";
  let description = [{
    ```mlir
    %next = llama.argmax %logits : tensor<?x49152xf32> -> tensor<?xi32>
    ```
  }];
  let arguments = (ins Llama_Activation:$input);
  let results = (outs Llama_Indices:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Llama_KvAppendOp : Llama_Op<"kv_append", [Pure,
    AllTypesMatch<["kv", "result"]>, AllTypesMatch<["keys", "values"]>]> {
  let summary = "stores keys and values of T tokens in their slots";
  let description = [{
    result = kv with keys[slots[t]] = k[t], values[slots[t]] = v[t], rounded to
    the cache's element type. Slots are distinct; a token with slot -1 is
    padding and stores nothing. Storing no tokens, or nothing but padding, folds
    to kv.

    ```mlir
    %kv1 = llama.kv_append %kv0, %k, %v, %slots
        : !llama.kv<3, 64, page 64, f16>, tensor<?x192xf32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins Llama_Kv:$kv, Llama_Activation:$keys,
                       Llama_Activation:$values, Llama_Indices:$slots);
  let results = (outs Llama_Kv:$result);
  let assemblyFormat = [{
    $kv `,` $keys `,` $values `,` $slots attr-dict
    `:` qualified(type($kv)) `,` type($keys) `,` type($slots)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Llama_AttentionOp : Llama_Op<"attention", [Pure,
    AllTypesMatch<["query", "result"]>, AllTypesMatch<["positions", "sequences"]>]> {
  let summary = "causal grouped-query attention over a paged KV cache";
  let description = [{
    Token t sees positions p = 0 .. positions[t] of its sequence s =
    sequences[t]; position p lies in slot pages[s, p / P] * P + p mod P, P being
    the page size. Query head h reads KV head h / (heads / kv_heads):

        out[t, h] = sum_p softmax_p(scale * q[t, h] . key[p]) * value[p]

    ```mlir
    %a = llama.attention %q, %kv1, %positions, %sequences, %pages scale 0.125
        : tensor<?x576xf32>, !llama.kv<3, 64, page 64, f16>, tensor<?xi32>,
          tensor<?x?xi32>
    ```
  }];
  let arguments = (ins Llama_Activation:$query, Llama_Kv:$kv,
                       Llama_Indices:$positions, Llama_Indices:$sequences,
                       Llama_Table:$pages, F32Attr:$scale);
  let results = (outs Llama_Activation:$result);
  let assemblyFormat = [{
    $query `,` $kv `,` $positions `,` $sequences `,` $pages `scale` $scale
    attr-dict `:` type($query) `,` qualified(type($kv)) `,`
    type($positions) `,` type($pages)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Grouping
//===----------------------------------------------------------------------===//

def Llama_FusionOp : Llama_Op<"fusion", [
    SingleBlockImplicitTerminator<"::quipu::llama::YieldOp">, NoRegionArguments,
    RecursivelySpeculatable, RecursiveMemoryEffects]> {
  let summary = "a group of ops that one kernel computes";
  let description = [{
    Holds the original ops of the group, unchanged: a fused graph means what the
    unfused graph means. Values that its ops take from outside are its inputs;
    what no longer crosses its boundary is never written to memory. A fusion that
    only yields its inputs folds to them.

    ```mlir
    %y = llama.fusion "o" -> tensor<?x576xf32> {
      %o = llama.linear %a, [@wo] : tensor<?x576xf32> -> tensor<?x576xf32>
      %s = llama.add %x, %o : tensor<?x576xf32>
      llama.yield %s : tensor<?x576xf32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$label);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = "$label (`->` type($results)^)? $body attr-dict";
  let hasRegionVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Llama_YieldOp : Llama_Op<"yield", [Pure, Terminator, ReturnLike,
    ParentOneOf<["FusionOp"]>]> {
  let summary = "results of a fusion";
  let description = [{
    ```mlir
    llama.yield %x : tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{ /* yields nothing */ }]>];
}

#endif // QUIPU_DIALECTS_LLAMA_OPS_TD
