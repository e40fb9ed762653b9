//===- ControlFlow.cpp - Where divergent lanes meet again -----------------===//
//
// Post-dominators are dominators of the reversed flow graph. They are computed
// by the Semi-NCA algorithm (Georgiadis, "Linear-Time Algorithms for Dominators
// and Related Problems", 2005), whose time is near linear for such graphs.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/ControlFlow.h"

#include <algorithm>
#include <numeric>
#include <utility>

using namespace quipu::ptx;

namespace {

constexpr uint32_t none = UINT32_MAX;

/// Basic blocks of a function, then its branch tables, then the exit. A table
/// is a node so that edges stay few where many branches share a large one.
struct FlowGraph {
  std::vector<uint32_t> first; // first instruction of each block; then the end
  std::vector<std::vector<uint32_t>> successors, predecessors;

  explicit FlowGraph(const Function &function);
  uint32_t blocks() const { return uint32_t(first.size() - 1); }
  uint32_t exit() const { return uint32_t(successors.size() - 1); }
  void connect(uint32_t from, uint32_t to) {
    successors[from].push_back(to);
    predecessors[to].push_back(from);
  }
};

bool isBranch(const Instruction &instruction) {
  return instruction.opcode == Opcode::bra || instruction.opcode == Opcode::brx;
}

bool isEnd(const Instruction &instruction) {
  return instruction.opcode == Opcode::exit ||
         instruction.opcode == Opcode::ret ||
         instruction.opcode == Opcode::trap;
}

} // namespace

FlowGraph::FlowGraph(const Function &function) {
  const std::vector<Instruction> &instructions = function.instructions;
  uint32_t count = uint32_t(instructions.size());
  std::vector<bool> begins(count + 1);
  begins[0] = begins[count] = true;
  for (uint32_t i = 0; i < count; ++i) {
    if (!isBranch(instructions[i]) && !isEnd(instructions[i]))
      continue;
    begins[i + 1] = true;
    if (instructions[i].opcode == Opcode::bra)
      begins[instructions[i].operands[0].index] = true;
  }
  for (const std::vector<uint32_t> &table : function.branchTables)
    for (uint32_t target : table)
      begins[target] = true;
  std::vector<uint32_t> blockAt(count + 1);
  for (uint32_t i = 0; i <= count; ++i) {
    if (begins[i])
      first.push_back(i);
    blockAt[i] = uint32_t(first.size() - 1);
  }
  size_t nodes = blocks() + function.branchTables.size() + 1;
  successors.resize(nodes);
  predecessors.resize(nodes);
  for (uint32_t i = 0; i < function.branchTables.size(); ++i)
    for (uint32_t target : function.branchTables[i])
      connect(blocks() + i, blockAt[target]);
  for (uint32_t block = 0; block < blocks(); ++block) {
    const Instruction &last = instructions[first[block + 1] - 1];
    if (last.opcode == Opcode::bra)
      connect(block, blockAt[last.operands[0].index]);
    else if (last.opcode == Opcode::brx)
      connect(block, blocks() + last.operands[1].index);
    // What has no guard never goes on to the next block, and a function's last
    // instruction has none.
    if (last.guard >= 0 || !(isBranch(last) || isEnd(last)))
      connect(block, block + 1);
    else if (isEnd(last) && last.opcode != Opcode::trap)
      connect(block, exit());
  }
}

/// The immediate dominator of each node of the reversed graph, seen from the
/// exit; none for the exit and for what never reaches it.
static std::vector<uint32_t> postDominators(const FlowGraph &graph) {
  size_t nodes = graph.successors.size();
  // Depth-first numbers from the exit, against the edges. `ancestor` starts as
  // the parent in that tree and is later compressed.
  std::vector<uint32_t> number(nodes, none), parent(nodes, none), order;
  std::vector<std::pair<uint32_t, size_t>> stack = {{graph.exit(), 0}};
  number[graph.exit()] = 0;
  order.push_back(graph.exit());
  while (!stack.empty()) {
    auto &[node, next] = stack.back();
    const std::vector<uint32_t> &onward = graph.predecessors[node];
    if (next == onward.size()) {
      stack.pop_back();
      continue;
    }
    uint32_t child = onward[next++];
    if (number[child] != none)
      continue;
    number[child] = uint32_t(order.size());
    parent[number[child]] = number[node];
    order.push_back(child);
    stack.emplace_back(child, 0);
  }

  // From here on, nodes are their numbers.
  size_t reached = order.size();
  std::vector<uint32_t> semi(reached), best(reached), ancestor(parent);
  std::iota(semi.begin(), semi.end(), 0);
  std::iota(best.begin(), best.end(), 0);
  std::vector<uint32_t> path;
  for (size_t w = reached; w-- > 1;) {
    for (uint32_t successor : graph.successors[order[w]]) {
      uint32_t v = number[successor];
      if (v == none)
        continue;
      // The node of the least semidominator on the way from v up to the last
      // node that is not yet processed (> w), with path compression.
      uint32_t least = v;
      if (v > w) {
        path.clear();
        uint32_t top = v;
        while (ancestor[top] > w) {
          path.push_back(top);
          top = ancestor[top];
        }
        for (size_t i = path.size(); i-- > 0;) {
          uint32_t node = path[i], up = ancestor[node];
          if (semi[best[up]] < semi[best[node]])
            best[node] = best[up];
          ancestor[node] = ancestor[up];
        }
        least = best[v];
      }
      semi[w] = std::min(semi[w], v > w ? semi[least] : v);
    }
    best[w] = uint32_t(w);
  }
  std::vector<uint32_t> dominator(parent.begin(),
                                  parent.begin() + long(reached));
  for (size_t w = 1; w < reached; ++w)
    while (dominator[w] > semi[w])
      dominator[w] = dominator[dominator[w]];
  std::vector<uint32_t> result(nodes, none);
  for (size_t w = 1; w < reached; ++w)
    result[order[w]] = order[dominator[w]];
  return result;
}

void quipu::ptx::findReconvergence(Function &function) {
  FlowGraph graph(function);
  std::vector<uint32_t> dominators = postDominators(graph);
  for (uint32_t block = 0; block < graph.blocks(); ++block) {
    Instruction &last = function.instructions[graph.first[block + 1] - 1];
    uint32_t meeting = dominators[block];
    while (meeting != none && meeting >= graph.blocks() &&
           meeting != graph.exit())
      meeting = dominators[meeting]; // behind the table
    if (isBranch(last) && meeting != none && meeting != graph.exit())
      last.reconverge = graph.first[meeting];
  }
}
