/* SPDX-License-Identifier: MIT */
/*
 * Buffer objects: what a client's descriptor can and can't do, which foreign memory is let in, and
 * that the last reference takes everything with it. Every case ends by counting descriptors,
 * mappings and page tables.
 */
#include "iommu/bo.h"
#include "mock_device.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE	     4096ull
#define MIB	     (1ull << 20)

#define SEALS_SHRINK F_SEAL_SHRINK
#define SEALS_BO     (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static struct mock_device mock;
static struct domain domain;
static unsigned n_fds;

static unsigned count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

static void setup(void)
{
	n_fds = count_fds();
	mock_device_init(&mock, true);
	ck_assert_int_eq(domain_init(&domain, &mock.device), 0);
	mock.table_pa = domain_table_pa(&domain);
}

/* Only the directory is left. */
static void check_nothing_left(void)
{
	ck_assert_uint_eq(count_fds(), n_fds);
	ck_assert_uint_eq(domain.space.used_bytes, 0);
	ck_assert_uint_eq(domain_pagetable_bytes(&domain), PAGE);
	ck_assert_uint_eq(mock_count_tables(&mock, mock.table_pa), 0);
	ck_assert_uint_eq(mock.n_regions, 1);
}

static void teardown(void)
{
	check_nothing_left();
	domain_deinit(&domain);
	mock_device_deinit(&mock);
}

static struct bo *bo_must_new(uint64_t size_bytes, uint32_t fixed_iova)
{
	struct bo *bo = NULL;

	ck_assert_int_eq(bo_new(&domain, size_bytes, false, fixed_iova, &bo), 0);
	ck_assert_ptr_nonnull(bo);
	return bo;
}

static int bo_must_export(struct bo *bo, bool read_only)
{
	int fd = -1;

	ck_assert_int_eq(bo_export(bo, read_only, &fd), 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	return fd;
}

/* A client's view of a descriptor; NULL if it can't have it. */
static char *client_map(int fd, size_t size_bytes, int protection)
{
	char *memory = mmap(NULL, size_bytes, protection, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* A camera's frame, say. */
static int foreign_memory(off_t size_bytes, int seals)
{
	int fd = memfd_create("foreign", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size_bytes), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static const struct {
	const char *what;
	uint64_t size_bytes;
	int result;
	uint64_t got_bytes;
} size_cases[] = {
	{"nothing", 0, -EINVAL, 0},
	{"a byte", 1, 0, PAGE},
	{"a page", PAGE, 0, PAGE},
	{"a page and a byte", PAGE + 1, 0, 2 * PAGE},
	{"5 MiB, three tables", 5 * MIB + 7, 0, 5 * MIB + PAGE},
	{"the largest", BO_MAX_BYTES, 0, BO_MAX_BYTES},
	{"too large", BO_MAX_BYTES + 1, -EINVAL, 0},
	{"as much as can be said", UINT64_MAX, -EINVAL, 0},
};

START_TEST(test_sizes)
{
	struct bo *bo = NULL;
	int r = bo_new(&domain, size_cases[_i].size_bytes, false, 0, &bo);

	ck_assert_msg(r == size_cases[_i].result, "%s: %d", size_cases[_i].what, r);
	if (r) {
		ck_assert_ptr_null(bo);
		return;
	}
	ck_assert_uint_eq(bo->size_bytes, size_cases[_i].got_bytes);
	ck_assert_uint_eq(domain.space.used_bytes, bo->size_bytes);
	ck_assert_uint_eq(mock_count_pages(&mock, mock.table_pa, bo->pa, bo->size_bytes),
			  bo->size_bytes / PAGE);
	ck_assert_ptr_null(bo_unref(bo));
}
END_TEST

START_TEST(test_new_memory)
{
	struct bo *bo = bo_must_new(3 * PAGE, 0);
	struct stat status;

	ck_assert_uint_eq(bo->refs, 1);
	ck_assert(bo->is_writable);
	ck_assert(!bo->is_imported);
	ck_assert_int_eq(fcntl(bo->fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(bo->fd, F_GET_SEALS), SEALS_BO);
	ck_assert_int_eq(fstat(bo->fd, &status), 0);
	ck_assert_uint_eq(status.st_mode & 07777, 0600);
	ck_assert_int_eq(status.st_size, 3 * PAGE);
	ck_assert_int_eq(status.st_blocks, 0); /* nobody has touched it */
	for (uint32_t at = 0; at < 3 * PAGE; at++)
		ck_assert_int_eq(mock_access(&mock, mock.table_pa, bo->iova + at, true)[0], 0);
	bo_unref(bo);
}
END_TEST

/* What one of client, daemon and NPU writes, the others read. */
START_TEST(test_shared_by_three)
{
	struct bo *bo = bo_must_new(2 * PAGE, 0);
	int fd = bo_must_export(bo, false);
	char *client = client_map(fd, 2 * PAGE, PROT_READ | PROT_WRITE);

	ck_assert_ptr_nonnull(client);
	client[PAGE] = 'c';
	ck_assert_int_eq(((char *)bo->memory)[PAGE], 'c');
	*mock_access(&mock, mock.table_pa, bo->iova + PAGE, true) = 'n';
	ck_assert_int_eq(client[PAGE], 'n');
	munmap(client, 2 * PAGE);
	close(fd);
	bo_unref(bo);
}
END_TEST

/* Whatever the client does with its descriptor, the memory keeps its size and its seals. */
START_TEST(test_client_cannot_resize)
{
	struct bo *bo = bo_must_new(2 * PAGE, 0);
	int fd = bo_must_export(bo, false);

	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(ftruncate(fd, 3 * PAGE), -1);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	close(fd);
	bo_unref(bo);
}
END_TEST

START_TEST(test_export_read_only)
{
	struct bo *bo = bo_must_new(PAGE, 0);
	int fd = bo_must_export(bo, true);
	char *client = client_map(fd, PAGE, PROT_READ);

	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	ck_assert_ptr_nonnull(client);
	*(char *)bo->memory = 'x';
	ck_assert_int_eq(*client, 'x');
	ck_assert_int_eq(mprotect(client, PAGE, PROT_READ | PROT_WRITE), -1);
	ck_assert_ptr_null(client_map(fd, PAGE, PROT_READ | PROT_WRITE));
	ck_assert_int_eq(pwrite(fd, "y", 1, 0), -1);
	ck_assert_int_eq(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), -1);
	munmap(client, PAGE);
	close(fd);
	bo_unref(bo);
}
END_TEST

/* Another user can't open the file behind a read-only descriptor again for writing. */
START_TEST(test_export_read_only_to_another_user)
{
	struct bo *bo = bo_must_new(PAGE, 0);
	int fd = bo_must_export(bo, true);
	char path[32];
	pid_t pid;
	int status;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		/* Without root this stays the same user, for whom the kernel allows it. */
		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(77);
		_exit(open(path, O_RDWR) < 0 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		fprintf(stderr, "skipped: reopening as another user: not root\n");
	else
		ck_assert_int_eq(WEXITSTATUS(status), 0);
	close(fd);
	bo_unref(bo);
}
END_TEST

START_TEST(test_exported_fd_survives)
{
	struct bo *bo = bo_must_new(PAGE, 0);
	int fd = bo_must_export(bo, false);
	char *client;

	memcpy(bo->memory, "still here", sizeof("still here"));
	bo_unref(bo);
	client = client_map(fd, PAGE, PROT_READ);
	ck_assert_ptr_nonnull(client);
	ck_assert_str_eq(client, "still here");
	munmap(client, PAGE);
	close(fd);
}
END_TEST

START_TEST(test_refs)
{
	struct bo *bo = bo_must_new(PAGE, 0x10000000);
	unsigned n_zaps = mock.n_zaps;

	ck_assert_ptr_eq(bo_ref(bo), bo);
	ck_assert_ptr_eq(bo_ref(bo), bo);
	ck_assert_uint_eq(bo->refs, 3);
	ck_assert_ptr_null(bo_unref(bo));
	ck_assert_ptr_null(bo_unref(bo));
	ck_assert_uint_eq(bo->refs, 1);
	/* The NPU still reaches it, and its TLB knows it. */
	ck_assert_ptr_nonnull(mock_access(&mock, mock.table_pa, 0x10000000, true));
	ck_assert_uint_eq(mock.n_zaps, n_zaps);
	ck_assert_ptr_null(bo_unref(bo));
	ck_assert_uint_eq(mock.n_zaps, n_zaps + 1);
	ck_assert_ptr_null(mock_access(&mock, mock.table_pa, 0x10000000, false));
	ck_assert_ptr_null(bo_unref(NULL));
}
END_TEST

START_TEST(test_charges_released)
{
	struct account account;
	struct bo *bo = bo_must_new(PAGE, 0);

	account_init(&account, NULL, NULL);
	ck_assert_int_eq(account_charge(&account, 0, PAGE, &bo->charges[0], NULL), 0);
	ck_assert_int_eq(account_charge(&account, 1, 1, &bo->charges[BO_CHARGES - 1], NULL), 0);
	bo_ref(bo);
	bo_unref(bo);
	ck_assert_uint_eq(account.used[0], PAGE);
	bo_unref(bo);
	ck_assert_uint_eq(account.used[0], 0);
	ck_assert_uint_eq(account.used[1], 0);
	account_deinit(&account);
}
END_TEST

START_TEST(test_fixed)
{
	struct bo *last = bo_must_new(PAGE, 0xffffe000);
	struct bo *before = bo_must_new(PAGE, 0xffffd000);
	struct bo *bo = NULL;

	ck_assert_uint_eq(last->iova, 0xffffe000);
	ck_assert_uint_eq(before->iova, 0xffffd000);
	ck_assert_int_eq(bo_new(&domain, PAGE, false, 0xffffe000, &bo), -EEXIST);
	ck_assert_int_eq(bo_new(&domain, 2 * PAGE, false, 0xffffc000, &bo), -EEXIST);
	ck_assert_int_eq(bo_new(&domain, PAGE, false, 0xffffc010, &bo), -EINVAL);
	ck_assert_int_eq(bo_new(&domain, 2 * PAGE, false, 0xfffff000, &bo), -EINVAL);
	ck_assert_ptr_null(bo);
	bo_unref(last);
	bo_unref(before);
}
END_TEST

START_TEST(test_space_full)
{
	struct bo *first = bo_must_new(BO_MAX_BYTES, 0), *bo = NULL;

	ck_assert_int_eq(bo_new(&domain, BO_MAX_BYTES, false, 0, &bo), -ENOSPC);
	ck_assert_ptr_null(bo);
	bo_unref(first);
}
END_TEST

/* The n-th thing that the device is asked to map fails: data first, then three tables. */
START_TEST(test_no_memory)
{
	struct bo *bo = NULL;

	for (unsigned n = 1; n <= 4; n++) {
		mock.fail_map = n;
		ck_assert_int_eq(bo_new(&domain, 8 * MIB, false, 0, &bo), -ENOMEM);
		ck_assert_ptr_null(bo);
		check_nothing_left();
	}
	bo_unref(bo_must_new(8 * MIB, 0));
}
END_TEST

START_TEST(test_no_descriptors)
{
	struct bo *bo = bo_must_new(PAGE, 0), *other = NULL;
	int fd = -1, lowest = dup(bo->fd);
	struct rlimit saved, none;

	ck_assert_int_eq(close(lowest), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &saved), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)lowest, .rlim_max = saved.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(bo_new(&domain, PAGE, false, 0, &other), -EMFILE);
	ck_assert_int_eq(bo_import(&domain, bo->fd, 0, &other), -EMFILE);
	ck_assert_int_eq(bo_export(bo, false, &fd), -EMFILE);
	ck_assert_int_eq(bo_export(bo, true, &fd), -EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &saved), 0);
	ck_assert_ptr_null(other);
	ck_assert_int_eq(fd, -1);
	bo_unref(bo);
}
END_TEST

START_TEST(test_without_page_tables)
{
	struct mock_device plain;
	struct domain flat;
	struct bo *bo = NULL;

	mock_device_init(&plain, false);
	ck_assert_int_eq(domain_init(&flat, &plain.device), 0);
	ck_assert_int_eq(bo_new(&flat, PAGE, false, 0, &bo), 0);
	ck_assert_uint_eq(bo->pa, 0);
	ck_assert_uint_ne(bo->iova, 0);
	memset(bo->memory, 1, PAGE);
	bo_unref(bo);
	ck_assert_uint_eq(flat.space.used_bytes, 0);
	domain_deinit(&flat);
	mock_device_deinit(&plain);
}
END_TEST

/* The same memory through a descriptor with another access mode; takes fd. */
static int reopen(int fd, int flags)
{
	char path[32];
	int other;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = open(path, flags | O_CLOEXEC);
	ck_assert_int_ge(other, 0);
	close(fd);
	return other;
}

static int unsealable_memory(void)
{
	int fd = memfd_create("foreign", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, PAGE), 0);
	return fd;
}

/* A file of a kind that knows no seals, wherever this runs. */
static int other_file(void)
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static int pipe_end(void)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	close(fds[1]);
	return fds[0];
}

enum foreign { MEMORY, UNSEALABLE_MEMORY, OTHER_FILE, PIPE, NO_FD };

#define AS_IT_IS (-1)

static const struct {
	const char *what;
	enum foreign kind;
	off_t size_bytes;
	int seals, reopen_flags;
	int result;
	bool is_writable;
	uint64_t got_bytes;
} import_cases[] = {
	{"sealed against shrinking", MEMORY, PAGE, SEALS_SHRINK, AS_IT_IS, 0, true, PAGE},
	{"sealed as npud does", MEMORY, PAGE, SEALS_BO, AS_IT_IS, 0, true, PAGE},
	{"ends inside a page", MEMORY, PAGE + 1, SEALS_SHRINK, AS_IT_IS, 0, true, 2 * PAGE},
	{"one byte", MEMORY, 1, SEALS_SHRINK, AS_IT_IS, 0, true, PAGE},
	{"the largest", MEMORY, 1ll << 31, SEALS_SHRINK, AS_IT_IS, 0, true, BO_MAX_BYTES},
	{"opened read-only", MEMORY, PAGE, SEALS_SHRINK, O_RDONLY, 0, false, PAGE},
	{"sealed against writing", MEMORY, PAGE, SEALS_SHRINK | F_SEAL_WRITE, AS_IT_IS, 0, false,
	 PAGE},
	{"sealed against writing, opened read-only", MEMORY, PAGE, SEALS_SHRINK | F_SEAL_WRITE,
	 O_RDONLY, 0, false, PAGE},
	{"sealed against new writers", MEMORY, PAGE, SEALS_SHRINK | F_SEAL_FUTURE_WRITE, AS_IT_IS,
	 0, false, PAGE},
	{"not sealed", MEMORY, PAGE, 0, AS_IT_IS, -EPERM, false, 0},
	{"sealed against growing only", MEMORY, PAGE, F_SEAL_GROW, AS_IT_IS, -EPERM, false, 0},
	{"empty", MEMORY, 0, SEALS_SHRINK, AS_IT_IS, -EINVAL, false, 0},
	{"too large", MEMORY, (1ll << 31) + 1, SEALS_SHRINK, AS_IT_IS, -EINVAL, false, 0},
	{"opened write-only", MEMORY, PAGE, SEALS_SHRINK, O_WRONLY, -EACCES, false, 0},
	{"opened as a path", MEMORY, PAGE, SEALS_SHRINK, O_PATH, -EACCES, false, 0},
	{"no seals allowed", UNSEALABLE_MEMORY, PAGE, 0, AS_IT_IS, -EPERM, false, 0},
	{"a file", OTHER_FILE, 0, 0, AS_IT_IS, -EINVAL, false, 0},
	{"a pipe", PIPE, 0, 0, AS_IT_IS, -EINVAL, false, 0},
	{"nothing", NO_FD, 0, 0, AS_IT_IS, -EBADF, false, 0},
};

static int import_case_fd(unsigned i)
{
	int fd;

	switch (import_cases[i].kind) {
	case NO_FD:
		return -1;
	case PIPE:
		return pipe_end();
	case OTHER_FILE:
		return other_file();
	case UNSEALABLE_MEMORY:
		return unsealable_memory();
	case MEMORY:
		break;
	}
	fd = foreign_memory(import_cases[i].size_bytes, import_cases[i].seals);
	if (import_cases[i].reopen_flags != AS_IT_IS)
		fd = reopen(fd, import_cases[i].reopen_flags);
	return fd;
}

START_TEST(test_import)
{
	int fd = import_case_fd((unsigned)_i), r;
	struct bo *bo = NULL;
	uint32_t end;

	r = bo_import(&domain, fd, 0, &bo);
	ck_assert_msg(r == import_cases[_i].result, "%s: %d", import_cases[_i].what, r);
	if (fd >= 0)
		ck_assert_int_eq(close(fd), 0); /* still the caller's */
	if (r) {
		ck_assert_ptr_null(bo);
		return;
	}
	ck_assert(bo->is_imported);
	ck_assert_int_eq(fcntl(bo->fd, F_GETFD), FD_CLOEXEC);
	ck_assert_uint_eq(bo->size_bytes, import_cases[_i].got_bytes);
	ck_assert_msg(bo->is_writable == import_cases[_i].is_writable, "%s", import_cases[_i].what);
	/* The last byte of the last page, and one beyond. */
	end = bo->iova + (uint32_t)bo->size_bytes;
	ck_assert_int_eq(*mock_access(&mock, mock.table_pa, end - 1, false), 0);
	ck_assert_ptr_null(mock_access(&mock, mock.table_pa, end, false));
	ck_assert_int_eq(!!mock_access(&mock, mock.table_pa, bo->iova, true),
			 import_cases[_i].is_writable);
	bo_unref(bo);
}
END_TEST

START_TEST(test_import_huge_pages)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	struct bo *bo = NULL;

	if (fd < 0) {
		fprintf(stderr, "skipped: import of huge pages: this kernel has none\n");
		return;
	}
	ck_assert_int_eq(ftruncate(fd, 2 * MIB), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	ck_assert_int_eq(bo_import(&domain, fd, 0, &bo), -EINVAL);
	ck_assert_ptr_null(bo);
	close(fd);
}
END_TEST

/* One frame under two addresses, by two handles: each lives by itself. */
START_TEST(test_import_twice)
{
	int fd = foreign_memory(PAGE, SEALS_SHRINK);
	struct bo *first, *second;

	ck_assert_int_eq(bo_import(&domain, fd, 0, &first), 0);
	ck_assert_int_eq(bo_import(&domain, fd, 0x40000000, &second), 0);
	ck_assert_uint_ne(first->iova, second->iova);
	*mock_access(&mock, mock.table_pa, first->iova, true) = 'z';
	ck_assert_int_eq(*mock_access(&mock, mock.table_pa, second->iova, false), 'z');
	bo_unref(first);
	ck_assert_int_eq(*mock_access(&mock, mock.table_pa, second->iova, false), 'z');
	bo_unref(second);
	close(fd);
}
END_TEST

/* From one session to another: writable or not, as it was exported. */
START_TEST(test_import_of_export)
{
	struct bo *bo = bo_must_new(2 * PAGE, 0), *imported = NULL;
	int fd = bo_must_export(bo, _i);

	ck_assert_int_eq(bo_import(&domain, fd, 0, &imported), 0);
	close(fd);
	ck_assert_uint_eq(imported->size_bytes, bo->size_bytes);
	ck_assert_int_eq(imported->is_writable, !_i);
	memcpy(bo->memory, "shared", sizeof("shared"));
	bo_unref(bo);
	ck_assert_str_eq(mock_access(&mock, mock.table_pa, imported->iova, false), "shared");
	bo_unref(imported);
}
END_TEST

/* What came read-only goes on read-only, however it came to be so. */
START_TEST(test_export_of_read_only)
{
	int seals = SEALS_SHRINK | (_i ? F_SEAL_WRITE : 0);
	int foreign = foreign_memory(PAGE, seals), fd = -1;
	struct bo *bo = NULL;

	if (!_i)
		foreign = reopen(foreign, O_RDONLY);
	ck_assert_int_eq(bo_import(&domain, foreign, 0, &bo), 0);
	ck_assert_int_eq(bo_export(bo, false, &fd), -EACCES);
	ck_assert_int_eq(fd, -1);
	fd = bo_must_export(bo, true);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	ck_assert_ptr_null(client_map(fd, PAGE, PROT_READ | PROT_WRITE));
	close(fd);
	close(foreign);
	bo_unref(bo);
}
END_TEST

/* The owner may make its object larger, never smaller: what was mapped stays. */
START_TEST(test_import_owner_resizes)
{
	int fd = foreign_memory(PAGE, SEALS_SHRINK);
	struct bo *bo = NULL;

	ck_assert_int_eq(bo_import(&domain, fd, 0, &bo), 0);
	ck_assert_int_eq(ftruncate(fd, 4 * PAGE), 0);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_uint_eq(bo->size_bytes, PAGE);
	*(char *)bo->memory = 1;
	bo_unref(bo);
	close(fd);
}
END_TEST

START_TEST(test_import_no_memory)
{
	int fd = foreign_memory(5 * MIB, SEALS_SHRINK);
	struct bo *bo = NULL;

	for (unsigned n = 1; n <= 3; n++) {
		mock.fail_map = n;
		ck_assert_int_eq(bo_import(&domain, fd, 0, &bo), -ENOMEM);
		ck_assert_ptr_null(bo);
		ck_assert_uint_eq(domain_pagetable_bytes(&domain), PAGE);
	}
	close(fd);
}
END_TEST

/* Many BOs of a session, gone in another order than they came. */
START_TEST(test_many)
{
	struct bo *bos[200];

	for (unsigned i = 0; i < 200; i++)
		bos[i] = bo_must_new(PAGE * (1 + i % 5), 0);
	for (unsigned i = 0; i < 200; i++)
		memset(bos[i]->memory, (int)i, bos[i]->size_bytes);
	for (unsigned i = 0; i < 200; i++) {
		uint8_t *byte = mock_host(&mock, bos[i]->pa + bos[i]->size_bytes - 1);

		ck_assert_uint_eq(*byte, i);
		ck_assert_ptr_eq(byte, (uint8_t *)bos[i]->memory + bos[i]->size_bytes - 1);
	}
	for (unsigned i = 0; i < 200; i++)
		bo_unref(bos[i * 7 % 200]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bo");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(tcase, 300);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_sizes, 0, sizeof(size_cases) / sizeof(*size_cases));
	tcase_add_test(tcase, test_new_memory);
	tcase_add_test(tcase, test_shared_by_three);
	tcase_add_test(tcase, test_client_cannot_resize);
	tcase_add_test(tcase, test_export_read_only);
	tcase_add_test(tcase, test_export_read_only_to_another_user);
	tcase_add_test(tcase, test_exported_fd_survives);
	tcase_add_test(tcase, test_refs);
	tcase_add_test(tcase, test_charges_released);
	tcase_add_test(tcase, test_fixed);
	tcase_add_test(tcase, test_space_full);
	tcase_add_test(tcase, test_no_memory);
	tcase_add_test(tcase, test_no_descriptors);
	tcase_add_test(tcase, test_without_page_tables);
	tcase_add_loop_test(tcase, test_import, 0, sizeof(import_cases) / sizeof(*import_cases));
	tcase_add_test(tcase, test_import_huge_pages);
	tcase_add_test(tcase, test_import_twice);
	tcase_add_loop_test(tcase, test_import_of_export, 0, 2);
	tcase_add_loop_test(tcase, test_export_of_read_only, 0, 2);
	tcase_add_test(tcase, test_import_owner_resizes);
	tcase_add_test(tcase, test_import_no_memory);
	tcase_add_test(tcase, test_many);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
