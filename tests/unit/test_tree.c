/* SPDX-License-Identifier: MIT */
#include "base/list.h"
#include "base/tree.h"

#include <check.h>
#include <stdlib.h>

#define N 500

struct item {
	struct tree_node node;
	unsigned key;
};

static struct item items[N];
static struct tree tree;

static bool is_before(const struct tree_node *a, const struct tree_node *b)
{
	return container_of(a, const struct item, node)->key <
	       container_of(b, const struct item, node)->key;
}

static unsigned check_order(void)
{
	const struct item *last = NULL;
	unsigned n = 0;

	for (struct tree_node *node = tree_first(&tree); node; node = tree_next(node), n++) {
		const struct item *item = container_of(node, struct item, node);

		ck_assert(!last || last->key <= item->key);
		last = item;
	}
	return n;
}

START_TEST(test_members_are_in_order)
{
	unsigned n = 0;

	tree_init(&tree, is_before);
	ck_assert(tree_is_empty(&tree) && !tree_first(&tree));
	srand(7);
	for (unsigned i = 0; i < N; i++) {
		tree_node_init(&items[i].node);
		items[i].key = (unsigned)rand() % 100;
		tree_insert(&tree, &items[i].node);
	}
	ck_assert_uint_eq(check_order(), N);
	for (unsigned i = 0; i < 5 * N; i++) {
		struct item *item = &items[rand() % N];

		if (tree_holds(&item->node))
			tree_remove(&tree, &item->node);
		else
			tree_insert(&tree, &item->node);
	}
	for (unsigned i = 0; i < N; i++)
		n += tree_holds(&items[i].node);
	ck_assert_uint_eq(check_order(), n);
}
END_TEST

static unsigned depth_of(const struct tree_node *node)
{
	unsigned left, right;

	if (!node)
		return 0;
	left = depth_of(node->left);
	right = depth_of(node->right);
	return 1 + (left > right ? left : right);
}

START_TEST(test_ascending_keys_stay_shallow)
{
	tree_init(&tree, is_before);
	for (unsigned i = 0; i < N; i++) {
		tree_node_init(&items[i].node);
		items[i].key = i;
		tree_insert(&tree, &items[i].node);
	}
	ck_assert_uint_le(depth_of(tree.root), 40);
	for (unsigned i = 0; i < N; i++) {
		ck_assert_ptr_eq(tree_first(&tree), &items[i].node);
		tree_remove(&tree, &items[i].node);
		tree_remove(&tree, &items[i].node); /* harmless */
	}
	ck_assert(tree_is_empty(&tree));
}
END_TEST

static bool is_at_least(const struct tree_node *node, const void *context)
{
	return container_of(node, const struct item, node)->key >= *(const unsigned *)context;
}

START_TEST(test_seeking)
{
	tree_init(&tree, is_before);
	for (unsigned key = 0; key < 3; key++)
		ck_assert_ptr_null(tree_seek(&tree, is_at_least, &key));
	for (unsigned i = 0; i < N; i++) {
		tree_node_init(&items[i].node);
		items[i].key = 2 * (i / 2);
		tree_insert(&tree, &items[i].node);
	}
	for (unsigned key = 0; key <= N - 2; key++) {
		const struct tree_node *node = tree_seek(&tree, is_at_least, &key);
		const struct tree_node *first = tree_first(&tree);

		while (!is_at_least(first, &key))
			first = tree_next(first);
		ck_assert_ptr_eq(node, first);
	}
	for (unsigned key = N - 1; key < N + 1; key++)
		ck_assert_ptr_null(tree_seek(&tree, is_at_least, &key));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tree");
	TCase *cases = tcase_create("tree");
	SRunner *runner;
	int n_failed;

	tcase_add_test(cases, test_members_are_in_order);
	tcase_add_test(cases, test_ascending_keys_stay_shallow);
	tcase_add_test(cases, test_seeking);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
