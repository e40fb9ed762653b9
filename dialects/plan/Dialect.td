//===- Dialect.td - The plan dialect: attributes --------------------------===//
//
// The host program: which kernels run, in which order, on which bytes. It says
// in IR what runtime/package/Plan.h says as data.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_PLAN_DIALECT_TD
#define QUIPU_DIALECTS_PLAN_DIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::quipu::planir";
  let summary = "When and where kernels run";
  let description = [{
    One plan.bucket per bound on T and entry, a straight list of launches over an
    arena of bytes. Launches run in order, each after all tiles of the one
    before.
  }];
  let dependentDialects = ["::quipu::llama::LlamaDialect"];
  let useDefaultAttributePrinterParser = 1;
}

class Plan_Attr<string name, string attrMnemonic, string what>
    : AttrDef<Plan_Dialect, name> {
  let mnemonic = attrMnemonic;
  let summary = what;
}

def Plan_Arena : Plan_Attr<"Arena", "arena", "argument at a byte offset of the arena"> {
  let parameters = (ins "int64_t":$offset);
  let assemblyFormat = "`<` $offset `>`";
  let genVerifyDecl = 1;
}

def Plan_Param : Plan_Attr<"Param", "param", "argument that is a plan.parameter"> {
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$name);
  let assemblyFormat = "`<` $name `>`";
}

def Plan_Keys : Plan_Attr<"Keys", "keys", "argument that is a layer's key pages"> {
  let parameters = (ins "int64_t":$layer);
  let assemblyFormat = "`<` $layer `>`";
  let genVerifyDecl = 1;
}

def Plan_Values : Plan_Attr<"Values", "values", "argument that is a layer's value pages"> {
  let parameters = (ins "int64_t":$layer);
  let assemblyFormat = "`<` $layer `>`";
  let genVerifyDecl = 1;
}

class Plan_Enum<string name, string what, list<string> cases>
    : I32EnumAttr<name, what,
        !foreach(i, !range(!size(cases)), I32EnumAttrCase<cases[i], i>)> {
  let cppNamespace = "::quipu::planir";
}

def Plan_InputKind : Plan_Enum<"InputKind", "an array that the runtime fills before a step",
    ["tokens", "positions", "slots", "sequences", "pages", "rows", "work"]>;

def Plan_Input : Plan_Attr<"Input", "input", "argument that the runtime fills before a step"> {
  let parameters = (ins "::quipu::planir::InputKind":$kind);
  let assemblyFormat = "`<` $kind `>`";
}

def Plan_Symbol : Plan_Enum<"Symbol", "a size known at run time",
    ["one", "tokens", "rows", "work", "splits"]>;

def Plan_Device : Plan_Enum<"DeviceKind", "the kind of device that runs a bucket",
    ["cpu", "gpu"]>;

def Plan_Factor : Plan_Attr<"Factor", "factor", "ceil(symbol / divisor) tiles"> {
  let parameters = (ins "::quipu::planir::Symbol":$symbol, "int64_t":$divisor);
  let assemblyFormat = "`<` $symbol `by` $divisor `>`";
  let genVerifyDecl = 1;
}

def Plan_Grid : Plan_Attr<"Grid", "grid", "tiles of a launch: count times the factors"> {
  let parameters = (ins "int64_t":$count,
                        OptionalArrayRefParameter<"::quipu::planir::FactorAttr">:$factors);
  let assemblyFormat = "`<` $count (`,` $factors^)? `>`";
  let genVerifyDecl = 1;
}

def Plan_Product : Plan_Attr<"Product", "product", "a launch as a product of matrices"> {
  let description = [{
    Y = X W^T for all of the step's tokens or rows: argument `input` is X, f32
    (M, k); argument `weights` is W, a parameter (n, k) of f32, f16 or bf16;
    argument `output` is Y, f32 (M, n). The kernel of the launch computes the
    same; a device that has a library for products may leave it out.
  }];
  let parameters = (ins "::quipu::planir::Symbol":$rows, "int64_t":$input,
                        "int64_t":$weights, "int64_t":$output);
  let assemblyFormat = [{
    `<` $rows `,` `input` `=` $input `,` `weights` `=` $weights `,`
        `output` `=` $output `>`
  }];
  let genVerifyDecl = 1;
}

#endif // QUIPU_DIALECTS_PLAN_DIALECT_TD
