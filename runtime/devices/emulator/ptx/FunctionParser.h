//===- FunctionParser.h - The body of a PTX function ------------*- C++ -*-===//
//
// Reads what is between the braces of an entry or a device function: scopes,
// declarations, labels and instructions.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_FUNCTIONPARSER_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_FUNCTIONPARSER_H

#include "runtime/devices/emulator/ptx/Declarations.h"
#include "runtime/devices/emulator/ptx/RawOperand.h"

namespace quipu::ptx {

class FunctionParser {
public:
  /// `function` has its name and parameters, which are declared in the
  /// innermost scope; `index` is its place in the module.
  FunctionParser(ParserContext &context, Function &function, uint32_t index)
      : context(context), tokens(context.tokens), function(function),
        index(index) {}

  /// Reads from `{` to the closing `}`.
  bool parseBody();

private:
  /// A name that may be declared further on.
  struct Pending {
    enum class Kind : uint8_t { label, tableEntry, table };
    Kind kind;
    uint32_t at;    // instruction, or table
    uint32_t place; // operand, or entry of the table
    std::string_view name;
    uint32_t line;
  };
  /// A `{ }` that is open.
  struct Block {
    size_t firstPending;
    uint64_t paramEnd; // where the parameter block ended before it
  };

  // FunctionParser.cpp
  bool parseStatement();
  bool parseDirective();
  bool parseVariable(Space space, bool isExtern);
  bool parseLabel();
  bool skipStatement();
  bool refuse(uint32_t line, const std::string &message);
  bool parseBranchTargets(std::string_view label, uint32_t line);
  bool openBlock();
  bool closeBlock();
  bool resolve(const Pending &pending, const Symbol &symbol);
  bool finish(uint32_t line);

  // InstructionParser.cpp
  bool parseInstruction();
  bool parseGuard(Instruction &instruction);
  bool chooseReading(const Mnemonic &mnemonic, std::string_view text,
                     const Mnemonic::Reading *&reading,
                     std::array<int, maxOperands> &places,
                     std::string &problem);
  bool parseCall(Instruction &instruction, bool &isDirect);
  ParserContext::KnownMnemonic &lookUp(std::string_view text);
  void append(const Instruction &instruction, uint32_t mnemonic);
  bool parseCallList(Operand &operand);

  // OperandParser.cpp
  bool readOperands(std::string_view mnemonic);
  bool readOperand(RawOperand &raw);
  bool readVector(RawOperand &raw);
  bool readAddress(RawOperand &raw);
  bool readAddend(RawOperand &raw);

  // OperandResolver.cpp
  bool resolveOperand(const Instruction &instruction, const OperandForm &form,
                      const RawOperand &raw, uint32_t place, Operand &operand);
  bool resolveVector(const Instruction &instruction, const OperandForm &form,
                     const RawOperand &raw, Operand &operand);
  bool resolveValue(const OperandForm &form, Type type, const RawOperand &raw,
                    Operand &operand);
  bool resolveRegister(const OperandForm &form, Type type,
                       const RawOperand &raw, Operand &operand);
  bool resolveAddress(const Instruction &instruction, const OperandForm &form,
                      const RawOperand &raw, Operand &operand);
  /// Sets `operand` to what the variable's place adds to its value.
  bool useVariable(Symbol &symbol, Operand &operand);

  ParserContext &context;
  TokenStream &tokens;
  Function &function;
  uint32_t index;
  std::vector<Block> blocks;
  std::vector<Pending> pending;
  uint64_t paramEnd = 0;                     // of the parameter block, for now
  std::vector<RawOperand> raws, rawElements; // of one instruction
  std::unordered_map<uint32_t, uint32_t> placedShared; // module's -> function's
  /// Operands that name dynamic shared memory, whose start is known at the end:
  /// instruction and place.
  std::vector<std::pair<uint32_t, uint32_t>> dynamicUses;
};

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_FUNCTIONPARSER_H
