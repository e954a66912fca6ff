/* SPDX-License-Identifier: MIT */
/*
 * Every allocation on the way from text to struct config fails once: the struct stays as it
 * was, nothing leaks (that is the sanitizer's to see), and the error is a sentence.
 */
#include "daemon/config.h"
#include "tests/unit/fail_memory.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char text[] =
	"{\"description\": \"a \\\"quoted\\\" text\", \"scheduler\": {\"quantum_ms\": 4.5},"
	" \"admin_group\": \"root\", \"classes\": {\"a\": {\"policy\": \"fair\", \"cores\": [0]}},"
	" \"match\": [{\"uid\": \"root\", \"class\": \"a\"}, {\"class\": \"a\"}]}";

/* jansson is a shared library: its requests are counted when they come through here. */
static void *json_malloc(size_t size)
{
	return malloc(size);
}

/*
 * Fails the n-th request; false when there were fewer. That it can succeed all the same is
 * jansson's doing: where it cannot grow the buffer of a long text, it goes on without the letter.
 */
static bool parse_failing(unsigned n)
{
	struct config config = {0};
	struct config_error error = {""};
	bool has_failed;
	int r;

	fail_memory = n;
	r = config_parse("p.json", text, strlen(text), &config, &error);
	has_failed = fail_memory == 0;
	fail_memory = 0;
	if (r < 0) {
		ck_assert_ptr_null(config.effective);
		ck_assert_msg(strncmp(error.text, "p.json:", 7) == 0, "request %u: %s", n,
			      error.text);
	}
	config_deinit(&config);
	return has_failed;
}

START_TEST(every_allocation_fails_once)
{
	unsigned n = 1;

	json_set_alloc_funcs(json_malloc, free);
	while (parse_failing(n))
		n++;
	ck_assert_uint_gt(n, 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config memory");
	TCase *cases = tcase_create("memory");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(cases, every_allocation_fails_once);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
