"""The tree of an index: levels, children, leaves, nominal and effective weights.

Not here: weights spread over missing children (aggregate), checks of the tree (warehouse.catalogue.index).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from warehouse.catalogue.base import IndexhouseError
from warehouse.catalogue.index import Index


@dataclass(frozen=True)
class Tree:
    """A rooted tree with non-negative weights. Children are kept in the order of their ids, so that no
    result depends on the order in a file; `declared` is the order of the file, root first."""

    root: str
    parent: dict[str, str]
    weight: dict[str, float]
    declared: tuple[str, ...]

    @cached_property
    def children(self) -> dict[str, tuple[str, ...]]:
        """Children of every inner node, sorted by id."""
        below: dict[str, list[str]] = {}
        for node in sorted(self.parent):
            below.setdefault(self.parent[node], []).append(node)
        return {node: tuple(children) for node, children in below.items()}

    @cached_property
    def level(self) -> dict[str, int]:
        """0 for the root, 1 for its children, and so on."""
        return {node: self._path_length(node) for node in self.declared}

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """Nodes without children, sorted by id."""
        return tuple(sorted(node for node in self.declared if node not in self.children))

    @cached_property
    def upwards(self) -> tuple[str, ...]:
        """Inner nodes, every one after those below it; the root last."""
        return tuple(sorted(self.children, key=lambda node: (-self.level[node], node)))

    @cached_property
    def share(self) -> dict[str, float]:
        """Weight of every node among its siblings, summing to 1; the root 1."""
        shares = {self.root: 1.0}
        for children in self.children.values():
            total = sum(self.weight[child] for child in children)
            shares |= {child: self.weight[child] / total for child in children}
        return shares

    @cached_property
    def effective(self) -> dict[str, float]:
        """Product of the shares on the path from the root."""
        found = {self.root: 1.0}
        for node in sorted(self.parent, key=lambda each: (self.level[each], each)):
            found[node] = found[self.parent[node]] * self.share[node]
        return found

    def kind(self, node: str) -> str:
        """index, pillar, sub_pillar or indicator."""
        if node == self.root:
            return "index"
        if node not in self.children:
            return "indicator"
        return "pillar" if self.level[node] == 1 else "sub_pillar"

    def leaves_below(self, node: str) -> tuple[str, ...]:
        """The leaves under a node, sorted by id; the node itself when it is one."""
        if node not in self.children:
            return (node,)
        return tuple(sorted(leaf for child in self.children[node] for leaf in self.leaves_below(child)))

    def _path_length(self, node: str) -> int:
        length = 0
        while node != self.root:
            node = self.parent[node]
            length += 1
            if length > len(self.declared):
                raise IndexhouseError(f"index {self.root}: node '{node}' is its own ancestor; give it another parent")
        return length


def tree_of(index_id: str, index: Index) -> Tree:
    """The tree of an index, with the weights that its weighting methods give.

    Raises IndexhouseError where the children of a node have no weight at all.
    """
    parent = {node_id: node.parent or index_id for node_id, node in index.nodes.items()}
    siblings: dict[str, list[str]] = {}
    for node_id, above in parent.items():
        siblings.setdefault(above, []).append(node_id)
    weight = {index_id: 1.0}
    for above, children in siblings.items():
        own = index.nodes[above].weighting if above in index.nodes else None
        method = (own or index.method.weighting).method
        for child in children:
            weight[child] = 1.0 if method == "equal" else index.nodes[child].weight
        if sum(weight[child] for child in children) <= 0:
            raise IndexhouseError(f"index {index_id}: the children of '{above}' have no weight; give one a weight > 0")
    return Tree(index_id, parent, weight, (index_id, *index.nodes))
