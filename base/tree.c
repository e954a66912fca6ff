/* SPDX-License-Identifier: MIT */
/* A binary search tree whose nodes are a heap by a pseudo-random priority, which balances it. */
#include "base/tree.h"

#include <assert.h>
#include <stddef.h>

void tree_init(struct tree *tree,
	       bool (*is_before)(const struct tree_node *a, const struct tree_node *b))
{
	*tree = (struct tree){.is_before = is_before, .seed = 2463534242u};
}

/* xorshift32: never 0. */
static uint32_t next_priority(struct tree *tree)
{
	tree->seed ^= tree->seed << 13;
	tree->seed ^= tree->seed >> 17;
	tree->seed ^= tree->seed << 5;
	return tree->seed;
}

/* Where the parent (or the tree) points to the node. */
static struct tree_node **place_of(struct tree *tree, const struct tree_node *node)
{
	if (!node->parent)
		return &tree->root;
	return node->parent->left == node ? &node->parent->left : &node->parent->right;
}

/* The node takes its parent's place, and the parent becomes its child. */
static void rotate_up(struct tree *tree, struct tree_node *node)
{
	struct tree_node *parent = node->parent, *moved;

	*place_of(tree, parent) = node;
	if (parent->left == node) {
		moved = parent->left = node->right;
		node->right = parent;
	} else {
		moved = parent->right = node->left;
		node->left = parent;
	}
	if (moved)
		moved->parent = parent;
	node->parent = parent->parent;
	parent->parent = node;
}

void tree_insert(struct tree *tree, struct tree_node *node)
{
	struct tree_node **place = &tree->root, *parent = NULL;

	assert(!tree_holds(node));
	while (*place) {
		parent = *place;
		place = tree->is_before(node, parent) ? &parent->left : &parent->right;
	}
	*node = (struct tree_node){.parent = parent, .priority = next_priority(tree)};
	*place = node;
	while (node->parent && node->parent->priority < node->priority)
		rotate_up(tree, node);
}

void tree_remove(struct tree *tree, struct tree_node *node)
{
	struct tree_node *child;

	if (!tree_holds(node))
		return;
	while (node->left && node->right)
		rotate_up(tree,
			  node->left->priority > node->right->priority ? node->left : node->right);
	child = node->left ? node->left : node->right;
	*place_of(tree, node) = child;
	if (child)
		child->parent = node->parent;
	tree_node_init(node);
}

struct tree_node *tree_first(const struct tree *tree)
{
	struct tree_node *node = tree->root;

	while (node && node->left)
		node = node->left;
	return node;
}

struct tree_node *tree_next(const struct tree_node *node)
{
	if (node->right) {
		node = node->right;
		while (node->left)
			node = node->left;
		return (struct tree_node *)node;
	}
	while (node->parent && node->parent->right == node)
		node = node->parent;
	return node->parent;
}

struct tree_node *tree_seek(const struct tree *tree,
			    bool (*is_past)(const struct tree_node *node, const void *context),
			    const void *context)
{
	struct tree_node *node = tree->root, *first = NULL;

	while (node) {
		if (is_past(node, context)) {
			first = node;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return first;
}
