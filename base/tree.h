/* SPDX-License-Identifier: MIT */
/*
 * Intrusive ordered tree: a treap, so insertion, removal and the next member cost O(log n) on
 * average and nothing is allocated. Its shape depends on nothing but the calls made, so equal
 * inputs give equal trees. Not thread-safe.
 */
#ifndef NPUD_BASE_TREE_H
#define NPUD_BASE_TREE_H

#include <stdbool.h>
#include <stdint.h>

struct tree_node {
	struct tree_node *parent, *left, *right;
	uint32_t priority; /* 0: in no tree */
};

struct tree {
	struct tree_node *root;
	/* A strict order: whether a comes before b. */
	bool (*is_before)(const struct tree_node *a, const struct tree_node *b);
	uint32_t seed;
};

void tree_init(struct tree *tree,
	       bool (*is_before)(const struct tree_node *a, const struct tree_node *b));

static inline void tree_node_init(struct tree_node *node)
{
	*node = (struct tree_node){0};
}

static inline bool tree_holds(const struct tree_node *node)
{
	return node->priority != 0;
}

static inline bool tree_is_empty(const struct tree *tree)
{
	return !tree->root;
}

/* The node is in no tree. What the order looks at must not change while it is in one. */
void tree_insert(struct tree *tree, struct tree_node *node);
/* Harmless for a node that is in no tree; compares nothing. */
void tree_remove(struct tree *tree, struct tree_node *node);
/* In order; NULL at the end. */
struct tree_node *tree_first(const struct tree *tree);
struct tree_node *tree_next(const struct tree_node *node);

/* The first for which is_past() holds, as it must for all that come after; NULL: there is none. */
struct tree_node *tree_seek(const struct tree *tree,
			    bool (*is_past)(const struct tree_node *node, const void *context),
			    const void *context);

#endif
