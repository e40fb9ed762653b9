//===- ControlFlow.cpp - Where divergent lanes meet again -----------------===//
//
// Post-dominators are dominators of the reversed flow graph. They are computed
// by the algorithm of Lengauer and Tarjan ("A Fast Algorithm for Finding
// Dominators in a Flowgraph", 1979) with path compression alone: for n nodes
// and m edges in O(m log n), whatever graph a file has.
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
         instruction.opcode == Opcode::trap ||
         instruction.opcode == Opcode::assertFail;
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
    else if (last.opcode == Opcode::exit || last.opcode == Opcode::ret)
      connect(block, exit());
  }
}

namespace {

/// A depth-first tree of the nodes that reach the exit, against the edges.
/// Nodes have two names: those of the graph, and their numbers in this tree.
struct ReverseTree {
  std::vector<uint32_t> order;  // number -> node; the exit is the first
  std::vector<uint32_t> number; // node -> number, none if not reached
  std::vector<uint32_t> parent; // number -> number

  explicit ReverseTree(const FlowGraph &graph)
      : number(graph.successors.size(), none) {
    add(graph.exit(), none);
    std::vector<std::pair<uint32_t, size_t>> stack = {{graph.exit(), 0}};
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
      add(child, number[node]);
      stack.emplace_back(child, 0);
    }
  }

private:
  void add(uint32_t node, uint32_t under) {
    number[node] = uint32_t(order.size());
    order.push_back(node);
    parent.push_back(under);
  }
};

/// The forest of nodes that are processed, with path compression.
struct Forest {
  std::vector<uint32_t> ancestor, best, semi;
  std::vector<uint32_t> path;

  explicit Forest(const std::vector<uint32_t> &parent)
      : ancestor(parent), best(parent.size()), semi(parent.size()) {
    std::iota(best.begin(), best.end(), 0);
    std::iota(semi.begin(), semi.end(), 0);
  }

  /// The node with the least semidominator on the way from `v` up to the last
  /// that is processed (> w); of what is not processed, the node itself.
  uint32_t least(uint32_t v, uint32_t w) {
    if (v <= w)
      return v;
    path.clear();
    for (uint32_t top = v; ancestor[top] > w; top = ancestor[top])
      path.push_back(top);
    for (size_t i = path.size(); i-- > 0;) {
      uint32_t node = path[i], up = ancestor[node];
      if (semi[best[up]] < semi[best[node]])
        best[node] = best[up];
      ancestor[node] = ancestor[up];
    }
    return best[v];
  }
};

} // namespace

/// The immediate dominator of each node of the reversed graph, seen from the
/// exit; none for the exit and for what never reaches it.
static std::vector<uint32_t> postDominators(const FlowGraph &graph) {
  ReverseTree tree(graph);
  Forest forest(tree.parent);
  size_t reached = tree.order.size();
  std::vector<uint32_t> dominator(reached, none);
  // Lists of nodes by their semidominator.
  std::vector<uint32_t> first(reached, none), next(reached, none);
  for (uint32_t w = uint32_t(reached); w-- > 0;) {
    for (uint32_t v = first[w]; v != none; v = next[v]) {
      uint32_t least = forest.least(v, w);
      // Else the two have the same dominator, which is not known yet.
      dominator[v] = forest.semi[least] == w ? w : least;
    }
    if (w == 0)
      break;
    for (uint32_t successor : graph.successors[tree.order[w]])
      if (uint32_t v = tree.number[successor]; v != none)
        forest.semi[w] =
            std::min(forest.semi[w], forest.semi[forest.least(v, w)]);
    next[w] = std::exchange(first[forest.semi[w]], w);
  }
  std::vector<uint32_t> result(graph.successors.size(), none);
  for (size_t w = 1; w < reached; ++w) {
    if (dominator[w] != forest.semi[w])
      dominator[w] = dominator[dominator[w]];
    result[tree.order[w]] = tree.order[dominator[w]];
  }
  return result;
}

void quipu::ptx::findReconvergence(Function &function) {
  FlowGraph graph(function);
  std::vector<uint32_t> dominators = postDominators(graph);
  auto isTable = [&](uint32_t node) {
    return node >= graph.blocks() && node < graph.exit();
  };
  for (uint32_t block = 0; block < graph.blocks(); ++block) {
    Instruction &last = function.instructions[graph.first[block + 1] - 1];
    uint32_t meeting = dominators[block];
    while (isTable(meeting))
      meeting = dominators[meeting]; // behind the table
    // Tables may follow each other for long: the way is gone once.
    for (uint32_t at = dominators[block]; isTable(at);)
      at = std::exchange(dominators[at], meeting);
    if (isBranch(last) && meeting != none && meeting != graph.exit())
      last.reconverge = graph.first[meeting];
  }
}
