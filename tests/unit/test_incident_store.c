/* SPDX-License-Identifier: MIT */
/* A directory of documents: bounds, what an earlier daemon left, and directories that fail. */
#include "api/incident_store.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64], path[96];
static struct incident_store store;

static json_t *summarize(const json_t *document)
{
	return json_pack("{s:O}", "n", json_object_get(document, "n"));
}

static void set_up(void)
{
	strcpy(directory, "/tmp/npud-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/incidents", directory);
	store = (struct incident_store){.dir_fd = -1};
	incident_store_set_bounds(&store, 3, 1 << 20);
}

static void tear_down(void)
{
	char file[160];

	incident_store_close(&store);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(file, sizeof(file), "%s/incident-%u.json", path, i);
		unlink(file);
	}
	rmdir(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void add(int n)
{
	json_t *document = json_pack("{s:i}", "n", n);

	ck_assert_int_eq(incident_store_add(&store, document, summarize), 0);
	json_decref(document);
}

static json_int_t get(uint64_t id)
{
	json_t *document;
	json_int_t n;

	ck_assert_int_eq(incident_store_get(&store, id, &document), 0);
	n = json_integer_value(json_object_get(document, "n"));
	json_decref(document);
	return n;
}

static void write_file(const char *name, const char *text)
{
	char file[160];
	FILE *out;

	snprintf(file, sizeof(file), "%s/%s", path, name);
	out = fopen(file, "we");
	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

START_TEST(oldest_go_first)
{
	json_t *document;

	ck_assert_int_eq(incident_store_open(&store, path, summarize), 0);
	for (int i = 1; i <= 5; i++)
		add(10 * i);
	ck_assert_uint_eq(store.n, 3);
	ck_assert_int_eq(incident_store_get(&store, 2, &document), -ENOENT);
	ck_assert_int_eq(get(3), 30);
	ck_assert_int_eq(get(5), 50);
	ck_assert_int_eq(json_integer_value(json_object_get(store.entries[2].summary, "n")), 50);
	incident_store_set_bounds(&store, 1, 1 << 20);
	ck_assert_uint_eq(store.n, 1);
	ck_assert_int_eq(get(5), 50);
}
END_TEST

START_TEST(bytes_are_bounded)
{
	json_t *large;
	char text[400];

	incident_store_set_bounds(&store, 100, 300);
	ck_assert_int_eq(incident_store_open(&store, path, summarize), 0);
	for (int i = 0; i < 50; i++)
		add(i);
	ck_assert_uint_le(store.bytes, 300);
	ck_assert_uint_gt(store.n, 2);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	large = json_pack("{s:s}", "n", text);
	ck_assert_int_eq(incident_store_add(&store, large, summarize), -EFBIG);
	json_decref(large);
	/* Removes what tear_down() does not look for. */
	incident_store_set_bounds(&store, 0, 0);
}
END_TEST

START_TEST(takes_over_what_was_left)
{
	ck_assert_int_eq(incident_store_open(&store, path, summarize), 0);
	add(1);
	add(2);
	incident_store_close(&store);
	write_file("incident-7.json", "{\"n\": 7}");
	write_file("incident-9.json", "half a docu");
	write_file("unfinished", "x");
	ck_assert_int_eq(incident_store_open(&store, path, summarize), 0);
	ck_assert_uint_eq(store.n, 3);
	ck_assert_int_eq(get(7), 7);
	add(8);
	ck_assert_int_eq(get(8), 8);
	ck_assert_uint_eq(store.n, 3);
}
END_TEST

START_TEST(directories_that_fail)
{
	json_t *document = json_object();

	ck_assert_int_eq(incident_store_open(&store, "/nowhere/at/all", summarize), -ENOENT);
	ck_assert_int_eq(incident_store_open(&store, "/dev/null", summarize), -ENOTDIR);
	ck_assert_int_eq(store.dir_fd, -1);
	/* It goes away while it is in use. */
	ck_assert_int_eq(incident_store_open(&store, path, summarize), 0);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(incident_store_add(&store, document, summarize), -ENOENT);
	ck_assert_uint_eq(store.n, 0);
	json_decref(document);
}
END_TEST

/* A name that leads elsewhere is not followed. */
START_TEST(links_are_not_followed)
{
	char file[160];

	ck_assert_int_eq(incident_store_open(&store, path, summarize), 0);
	snprintf(file, sizeof(file), "%s/unfinished", path);
	ck_assert_int_eq(symlink("/tmp/npud-store-victim", file), 0);
	{
		json_t *document = json_object();

		ck_assert_int_eq(incident_store_add(&store, document, summarize), -ELOOP);
		json_decref(document);
	}
	ck_assert_int_ne(access("/tmp/npud-store-victim", F_OK), 0);
	unlink(file);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("incident_store");
	TCase *tcase = tcase_create("incident_store");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, oldest_go_first);
	tcase_add_test(tcase, bytes_are_bounded);
	tcase_add_test(tcase, takes_over_what_was_left);
	tcase_add_test(tcase, directories_that_fail);
	tcase_add_test(tcase, links_are_not_followed);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
