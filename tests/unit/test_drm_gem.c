/* SPDX-License-Identifier: MIT */
/* The interposer's table of objects, and the files that it records. */
#include "lib/drm/gem.h"
#include "lib/drm/gzip.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

static struct gem_object *add(struct gem *gem, uint32_t iova, uint64_t size, uint64_t token)
{
	const struct npu_bo bo = {.handle = iova >> 12, .iova = iova, .size = size};
	struct gem_object *object;

	ck_assert_int_eq(gem_add(gem, NULL, &bo, token, &object), 0);
	return object;
}

START_TEST(lowest_handle_is_next)
{
	struct gem gem = {0};

	for (uint32_t i = 1; i <= 40; i++)
		ck_assert_uint_eq(add(&gem, i << 16, 4096, 0)->handle, i);
	gem_remove(&gem, gem_find(&gem, 7));
	gem_remove(&gem, gem_find(&gem, 3));
	ck_assert_ptr_null(gem_find(&gem, 3));
	ck_assert_uint_eq(add(&gem, 100 << 16, 4096, 0)->handle, 3);
	ck_assert_uint_eq(add(&gem, 101 << 16, 4096, 0)->handle, 7);
	ck_assert_uint_eq(add(&gem, 102 << 16, 4096, 0)->handle, 41);
	ck_assert_ptr_null(gem_find(&gem, 0));
	ck_assert_ptr_null(gem_find(&gem, UINT32_MAX));
	gem_deinit(&gem);
}
END_TEST

START_TEST(offsets_and_tokens_are_never_equal)
{
	struct gem gem = {0}, other = {0};
	struct gem_object *first = add(&gem, 0x10000, 8192, 0), *second;
	const uint64_t offset = first->offset, token = first->token;

	ck_assert_uint_eq(offset, GEM_OFFSET_FIRST);
	ck_assert_uint_ne(token, 0);
	gem_remove(&gem, first);
	second = add(&gem, 0x10000, 4096, 0);
	ck_assert_uint_eq(second->offset, offset + 8192);
	ck_assert_uint_ne(second->token, token);
	ck_assert_uint_ne(add(&other, 0x10000, 4096, 0)->token, second->token);
	ck_assert_ptr_eq(add(&other, 0x20000, 4096, token), gem_find_token(&other, token));
	ck_assert_ptr_null(gem_find_token(&gem, token));
	/* A child of fork() starts anew, but not with offsets that its parent has handed out. */
	gem_deinit(&gem);
	ck_assert_uint_gt(add(&gem, 0x10000, 4096, 0)->offset, offset + 8192);
	gem_deinit(&gem);
	gem_deinit(&other);
}
END_TEST

START_TEST(addresses_are_found_within_objects)
{
	struct gem gem = {0};
	struct gem_object *object = add(&gem, 0xffffe000u, 8192, 0);
	uint32_t handles[2];

	ck_assert_ptr_eq(gem_find_iova(&gem, NULL, 0xffffe000u), object);
	ck_assert_ptr_eq(gem_find_iova(&gem, NULL, 0xffffffffu), object);
	ck_assert_ptr_null(gem_find_iova(&gem, NULL, 0xffffdfffu));
	ck_assert_ptr_null(gem_find_iova(&gem, NULL, 0x100000000ull));
	ck_assert_ptr_null(gem_find_memory(&gem, 0, 0));
	object->name = 3;
	ck_assert_ptr_eq(gem_find_name(&gem, 3), object);
	ck_assert_ptr_null(gem_find_name(&gem, 4));
	ck_assert_uint_eq(object->n_handles, 1);
	add(&gem, 0x1000, 4096, 0);
	add(&gem, 0x2000, 4096, 0);
	ck_assert_uint_eq(gem_collect(&gem, NULL, handles, 2), 2);
	ck_assert_uint_eq(handles[1], 1);
	gem_deinit(&gem);
}
END_TEST

START_TEST(address_spaces_do_not_mix)
{
	struct npu_session *space = (struct npu_session *)&(char){0};
	const struct npu_bo bo = {.handle = 9, .iova = 0x1000, .size = 4096};
	struct gem gem = {0};
	struct gem_object *mine = add(&gem, 0x1000, 4096, 0), *other;
	uint32_t handles[2];

	ck_assert_int_eq(gem_add(&gem, space, &bo, 0, &other), 0);
	ck_assert_ptr_eq(gem_find_iova(&gem, NULL, 0x1000), mine);
	ck_assert_ptr_eq(gem_find_iova(&gem, space, 0x1000), other);
	ck_assert_uint_eq(gem_collect(&gem, space, handles, 2), 1);
	ck_assert_uint_eq(handles[0], 9);
	gem_deinit(&gem);
}
END_TEST

/* Sizes around a block's, which are where such a format goes wrong. */
START_TEST(zlib_reads_what_is_written)
{
	static const size_t sizes[] = {0, 1, 65534, 65535, 65536, 200000};
	const size_t size = sizes[_i];
	unsigned char *data = malloc(size + 1), *back = malloc(size + 2);
	char path[] = "/tmp/test-gzip-XXXXXX";
	int fd = mkstemp(path);
	gzFile file;

	for (size_t i = 0; i < size; i++)
		data[i] = (unsigned char)(i * 2654435761u >> 13);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(gzip_write(path, data, size), 0);
	file = gzopen(path, "rb");
	ck_assert_int_eq(gzread(file, back, (unsigned)size + 1), (int)size);
	ck_assert_int_eq(gzdirect(file), 0);
	ck_assert_int_eq(gzclose(file), Z_OK);
	ck_assert_mem_eq(back, data, size);
	unlink(path);
	free(data);
	free(back);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("drm_gem");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, lowest_handle_is_next);
	tcase_add_test(tcase, offsets_and_tokens_are_never_equal);
	tcase_add_test(tcase, addresses_are_found_within_objects);
	tcase_add_test(tcase, address_spaces_do_not_mix);
	tcase_add_loop_test(tcase, zlib_reads_what_is_written, 0, 6);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
