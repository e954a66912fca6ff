/* SPDX-License-Identifier: MIT */
/* A program for the vendor's driver: questions and memory, every flag and error of them. */
#include "rknpu_calls.h"

#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void actions(void)
{
	static const struct {
		uint32_t number;
		int result;
		uint32_t value;
	} expected[] = {
		{RKNPU_GET_HW_VERSION, 0, 0x46495245},
		{RKNPU_GET_DRV_VERSION, 0, 908},
		{RKNPU_SET_FREQ, -1, 7},
		{RKNPU_SET_VOLT, -1, 7},
		{RKNPU_ACT_RESET, 0, 7},
		{RKNPU_GET_BW_PRIORITY, -1, 7},
		{RKNPU_SET_BW_PRIORITY, -1, 7},
		{RKNPU_GET_BW_EXPECT, -1, 7},
		{RKNPU_SET_BW_EXPECT, -1, 7},
		{RKNPU_GET_BW_TW, -1, 7},
		{RKNPU_SET_BW_TW, -1, 7},
		{RKNPU_ACT_CLR_TOTAL_RW_AMOUNT, 0, 7},
		{RKNPU_GET_DT_WR_AMOUNT, 0, 7},
		{RKNPU_GET_DT_RD_AMOUNT, 0, 7},
		{RKNPU_GET_WT_RD_AMOUNT, 0, 7},
		{RKNPU_GET_TOTAL_RW_AMOUNT, 0, 7},
		{RKNPU_GET_IOMMU_EN, 0, 1},
		{RKNPU_SET_PROC_NICE, 0, 7},
		{RKNPU_POWER_ON, -1, 7},
		{RKNPU_POWER_OFF, -1, 7},
		{RKNPU_GET_TOTAL_SRAM_SIZE, 0, 0},
		{RKNPU_GET_FREE_SRAM_SIZE, 0, 0},
		{RKNPU_GET_IOMMU_DOMAIN_ID, 0, 0},
		{26, -1, 7},
		{UINT32_MAX, -1, 7},
	};
	int fd = open_node(CARD);
	uint32_t value;

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		errno = 0;
		CHECK_EQ(act(fd, expected[i].number, 7, &value), expected[i].result);
		CHECK_EQ(errno, expected[i].result ? EINVAL : 0);
		CHECK_EQ(value, expected[i].value);
	}
	CHECK_EQ(act(fd, RKNPU_GET_FREQ, 0, &value), 0);
	CHECK(value > 100000000);
	CHECK_EQ(act(fd, RKNPU_GET_VOLT, 0, &value), 0);
	CHECK(value > 100000);
}

static void domains_are_virtual(void)
{
	int fd = open_node(CARD), other = open_node(CARD);
	uint32_t value;

	CHECK_EQ(act(fd, RKNPU_SET_IOMMU_DOMAIN_ID, 15, &value), 0);
	CHECK_EQ(act(fd, RKNPU_GET_IOMMU_DOMAIN_ID, 0, &value), 0);
	CHECK_EQ(value, 15);
	CHECK_EQ(act(other, RKNPU_GET_IOMMU_DOMAIN_ID, 7, &value), 0);
	CHECK_EQ(value, 0);
	CHECK_FAILS(act(fd, RKNPU_SET_IOMMU_DOMAIN_ID, 16, &value), EINVAL);
	CHECK_FAILS(act(fd, RKNPU_SET_IOMMU_DOMAIN_ID, UINT32_MAX, &value), EINVAL);
}

static void version_in_both_widths(void)
{
	char name[8] = "", date[16] = "", desc[4] = "";
	struct drm_version64 wide = {
		.name_len = sizeof(name),
		.name = (uintptr_t)name,
		.date_len = sizeof(date),
		.date = (uintptr_t)date,
		.desc_len = sizeof(desc) - 1,
		.desc = (uintptr_t)desc,
	};
	struct drm_version32 narrow = {0};
	int fd = open_node(RENDER);

	CHECK_EQ(ioctl(fd, DRM(DRM_NR_VERSION, sizeof(wide)), &wide), 0);
	CHECK_EQ(wide.major, 0);
	CHECK_EQ(wide.minor, 9);
	CHECK_EQ(wide.patchlevel, 8);
	CHECK_EQ(wide.name_len, 5);
	CHECK(strcmp(name, "rknpu") == 0);
	CHECK(strcmp(date, "20240828") == 0);
	CHECK_EQ(wide.desc_len, 12);
	CHECK(strcmp(desc, "RKN") == 0);
	CHECK_EQ(ioctl(fd, DRM(DRM_NR_VERSION, sizeof(narrow)), &narrow), 0);
	CHECK_EQ(narrow.minor, 9);
	CHECK_EQ(narrow.name_len, 5);
	CHECK_EQ(narrow.date_len, 8);
	CHECK_EQ(narrow.desc_len, 12);
	wide.name = 8;
	CHECK_FAILS(ioctl(fd, DRM(DRM_NR_VERSION, sizeof(wide)), &wide), EFAULT);
}

static void generic_ioctls(void)
{
	int card = open_node(CARD), render = open_node(RENDER);
	char unique[32] = "";
	struct drm_unique64 name = {.unique_len = sizeof(unique), .unique = (uintptr_t)unique};
	struct drm_set_version version = {1, 4, -1, -1};
	struct drm_cap cap = {.capability = DRM_CAP_PRIME};
	struct drm_gem_flink flink = {.handle = 1};
	struct drm_auth auth = {0};
	struct drm_prime_handle prime = {.fd = -1};

	CHECK_EQ(ioctl(card, DRM(DRM_NR_GET_UNIQUE, sizeof(name)), &name), 0);
	CHECK_EQ(name.unique_len, 12);
	CHECK(strcmp(unique, "fdab0000.npu") == 0);
	CHECK_EQ(ioctl(card, DRM(DRM_NR_SET_VERSION, sizeof(version)), &version), 0);
	CHECK_EQ(version.di_minor, 4);
	CHECK_EQ(version.dd_minor, 9);
	CHECK_FAILS(ioctl(render, DRM(DRM_NR_SET_VERSION, sizeof(version)), &version), EACCES);
	version.di_minor = 5;
	CHECK_FAILS(ioctl(card, DRM(DRM_NR_SET_VERSION, sizeof(version)), &version), EINVAL);
	version.dd_major = 1;
	CHECK_FAILS(ioctl(card, DRM(DRM_NR_SET_VERSION, sizeof(version)), &version), EINVAL);
	CHECK_EQ(ioctl(card, DRM(DRM_NR_GET_CAP, sizeof(cap)), &cap), 0);
	CHECK_EQ(cap.value, 3);
	cap.capability = 1;
	CHECK_FAILS(ioctl(card, DRM(DRM_NR_GET_CAP, sizeof(cap)), &cap), EOPNOTSUPP);
	CHECK_FAILS(ioctl(card, DRM(DRM_NR_SET_CLIENT_CAP, sizeof(cap)), &cap), EOPNOTSUPP);
	CHECK_EQ(ioctl(card, DRM(DRM_NR_GET_MAGIC, sizeof(auth)), &auth), 0);
	CHECK_EQ(ioctl(card, DRM(DRM_NR_AUTH_MAGIC, sizeof(auth)), &auth), 0);
	auth.magic = 2;
	CHECK_FAILS(ioctl(card, DRM(DRM_NR_AUTH_MAGIC, sizeof(auth)), &auth), EINVAL);
	CHECK_FAILS(ioctl(render, DRM(DRM_NR_GET_MAGIC, sizeof(auth)), &auth), EACCES);
	CHECK_EQ(ioctl(card, _IO('d', DRM_NR_SET_MASTER)), 0);
	CHECK_FAILS(ioctl(render, _IO('d', DRM_NR_SET_MASTER)), EACCES);
	CHECK_FAILS(ioctl(render, GEM_FLINK, &flink), EACCES);
	CHECK_FAILS(ioctl(card, GEM_FLINK, &flink), ENOENT);
	CHECK_FAILS(ioctl(card, PRIME_HANDLE_TO_FD, &prime), ENOENT);
	CHECK_FAILS(ioctl(card, PRIME_FD_TO_HANDLE, &prime), EBADF);
	prime.fd = card;
	CHECK_FAILS(ioctl(card, PRIME_FD_TO_HANDLE, &prime), EINVAL);
	CHECK_FAILS(ioctl(card, DRM(0x3f, 8), &cap), ENOTTY);
	CHECK_FAILS(ioctl(card, COMMAND(MEM_SYNC, 8) + 1, &cap), ENOTTY);
	CHECK_FAILS(ioctl(card, _IOC(3, 'r', 0, 8), &cap), ENOTTY);
	CHECK_FAILS(ioctl(card, FIONREAD, &cap), ENOTTY);
}

/* The number decides; a struct may be shorter or longer than ours. */
static void every_struct_size(void)
{
	struct {
		struct rknpu_mem_create create;
		uint64_t more[4];
	} longer = {.create = {.size = 100}, .more = {1, 2, 3, 4}};
	struct rknpu_mem_create create;
	int fd = open_node(CARD);

	for (size_t size = RKNPU_MEM_CREATE_BYTES_OLDEST; size <= sizeof(create); size += 8) {
		memset(&create, 0xff, sizeof(create));
		create.handle = 0;
		create.flags = 0;
		create.size = 5000;
		create.iommu_domain_id = size == sizeof(create) ? 0 : -1;
		CHECK_EQ(ioctl(fd, COMMAND(MEM_CREATE, size), &create), 0);
		CHECK_EQ(create.size, 8192);
		CHECK(create.dma_addr < 1ull << 32);
		CHECK(create.obj_addr != 0);
		CHECK_EQ(create.sram_size, size > RKNPU_MEM_CREATE_BYTES_OLDEST ? 0 : -1);
		CHECK_EQ(memory_destroy(fd, create.handle), 0);
	}
	CHECK_EQ(ioctl(fd, COMMAND(MEM_CREATE, sizeof(longer)), &longer), 0);
	CHECK_EQ(longer.create.size, 4096);
	CHECK_EQ(longer.more[3], 4);
	create.iommu_domain_id = -1;
	CHECK_FAILS(ioctl(fd, MEM_CREATE, &create), EINVAL);
	create = (struct rknpu_mem_create){.size = 0};
	CHECK_FAILS(ioctl(fd, MEM_CREATE, &create), EINVAL);
	create.size = UINT64_MAX;
	CHECK_FAILS(ioctl(fd, MEM_CREATE, &create), EINVAL);
	create.size = 1ull << 40;
	CHECK_FAILS(ioctl(fd, MEM_CREATE, &create), ENOMEM);
}

static void all_memory_flags(void)
{
	struct memory memory;
	int fd = open_node(CARD);

	for (uint32_t bit = 0; bit < 32; bit++) {
		memory_new(fd, 4096, 1u << bit, &memory);
		CHECK_EQ(memory.map[4095], 0);
		memset(memory.map, 0x5a, 4096);
		munmap(memory.map, 4096);
		CHECK_EQ(memory_destroy(fd, memory.handle), 0);
	}
}

static long map_at(int fd, size_t length, int flags, uint64_t offset)
{
	return (long)mmap64(NULL, length, PROT_READ, flags, fd, (off64_t)offset);
}

static void handles_and_maps(void)
{
	struct rknpu_mem_map map = {.handle = 77};
	struct rknpu_mem_create again = {0};
	struct memory memory, second;
	int fd = open_node(CARD);

	memory_new(fd, 5000, 0, &memory);
	CHECK_EQ(memory.handle, 1);
	CHECK(memory.offset >= 1ull << 32);
	memory_new(fd, 4096, 0, &second);
	CHECK_EQ(second.handle, 2);
	CHECK(memory.token != second.token && memory.iova != second.iova);
	again.handle = 1;
	CHECK_EQ(ioctl(fd, MEM_CREATE, &again), 0);
	CHECK_EQ(again.obj_addr, memory.token);
	CHECK_EQ(again.dma_addr, memory.iova);
	CHECK_EQ(again.size, 8192);
	CHECK_FAILS(ioctl(fd, MEM_MAP, &map), ENOENT);
	CHECK_FAILS(map_at(fd, 8193, MAP_SHARED, memory.offset), EINVAL);
	CHECK_FAILS(map_at(fd, 4096, MAP_SHARED, 0x7000), EINVAL);
	CHECK_FAILS(map_at(fd, 4096, MAP_PRIVATE, memory.offset), EINVAL);
	/* A mapping outlives its handle. */
	memset(memory.map, 1, 5000);
	CHECK_EQ(memory_destroy(fd, memory.handle), 0);
	CHECK_EQ(memory.map[4999], 1);
	CHECK_FAILS(memory_destroy(fd, memory.handle), EINVAL);
	CHECK_FAILS(memory_destroy(fd, 0), EINVAL);
	memory_new(fd, 4096, 0, &memory);
	CHECK_EQ(memory.handle, 1);
}

static void iovas_are_recycled(void)
{
	struct rknpu_mem_create create;
	int fd = open_node(CARD);

	for (int i = 0; i < 3000; i++) {
		create = (struct rknpu_mem_create){.size = 16 << 20};
		CHECK_EQ(ioctl(fd, MEM_CREATE, &create), 0);
		CHECK(create.dma_addr + create.size <= 1ull << 32);
		CHECK_EQ(memory_destroy(fd, create.handle), 0);
	}
}

/* A quota may be there, which is as if memory were full; NPU_TEST_OBJECTS says that there is none.
 */
static void many_objects(void)
{
	const char *wanted = getenv("NPU_TEST_OBJECTS");
	const int n = wanted ? (int)strtol(wanted, NULL, 10) : INT_MAX;
	struct rknpu_mem_create create;
	int fd = open_node(CARD), i;

	for (i = 0; i < n; i++) {
		create = (struct rknpu_mem_create){.size = 4096};
		if (ioctl(fd, MEM_CREATE, &create) < 0)
			break;
		CHECK_EQ(create.handle, i + 1);
	}
	if (wanted)
		CHECK_EQ(i, n);
	else
		CHECK_EQ(errno, ENOMEM);
	CHECK(i > 500);
	CHECK_EQ(memory_destroy(fd, 7), 0);
	create = (struct rknpu_mem_create){.size = 4096};
	CHECK_EQ(ioctl(fd, MEM_CREATE, &create), 0);
	CHECK_EQ(create.handle, 7);
}

/* Programs that forget descriptors; NPU_TEST_NODES says how many nodes they may open at least. */
static void many_nodes(void)
{
	const char *wanted = getenv("NPU_TEST_NODES");
	const int n = wanted ? (int)strtol(wanted, NULL, 10) : 16;
	struct rlimit limit;
	int nodes[512];

	CHECK(n <= (int)(sizeof(nodes) / sizeof(nodes[0])));
	/* Behind each node are some more. */
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < n; i++)
		nodes[i] = open_node(CARD);
	for (int i = 0; i < n; i++)
		close(nodes[i]);
}

static void syncs(void)
{
	struct memory cached, plain;
	struct rknpu_mem_sync sync;
	int fd = open_node(CARD);

	memory_new(fd, 8192, RKNPU_MEM_CACHEABLE | RKNPU_MEM_NON_CONTIGUOUS, &cached);
	memory_new(fd, 8192, 0, &plain);
	for (uint32_t direction = 1; direction <= 3; direction++) {
		sync = (struct rknpu_mem_sync){
			.flags = direction, .obj_addr = cached.token, .size = 8192};
		CHECK_EQ(ioctl(fd, MEM_SYNC, &sync), 0);
	}
	sync.offset = 4096;
	CHECK_FAILS(ioctl(fd, MEM_SYNC, &sync), EINVAL);
	sync.offset = UINT64_MAX;
	CHECK_FAILS(ioctl(fd, MEM_SYNC, &sync), EINVAL);
	sync = (struct rknpu_mem_sync){.flags = 1, .obj_addr = plain.token, .size = 1};
	CHECK_FAILS(ioctl(fd, MEM_SYNC, &sync), EINVAL);
	sync.obj_addr = 0;
	CHECK_FAILS(ioctl(fd, MEM_SYNC, &sync), EINVAL);
	sync.obj_addr = cached.token + 1;
	CHECK_FAILS(ioctl(fd, MEM_SYNC, &sync), EINVAL);
}

static void sharing_by_prime(void)
{
	int first = open_node(CARD), second = open_node(RENDER);
	struct drm_prime_handle prime = {.flags = O_CLOEXEC | O_RDWR};
	struct rknpu_mem_create create = {0};
	struct rknpu_mem_map map;
	struct memory memory;
	unsigned char *direct;

	memory_new(first, 6000, 0, &memory);
	memory.map[17] = 42;
	prime.handle = memory.handle;
	CHECK_EQ(ioctl(first, PRIME_HANDLE_TO_FD, &prime), 0);
	CHECK_EQ(fcntl(prime.fd, F_GETFD), FD_CLOEXEC);
	direct = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, prime.fd, 0);
	CHECK(direct != MAP_FAILED);
	CHECK_EQ(direct[17], 42);
	CHECK_EQ(lseek(prime.fd, 0, SEEK_END), 8192);
	CHECK_EQ(ioctl(prime.fd, _IOW('b', 0, uint64_t), &(uint64_t){1}), 0);
	CHECK_FAILS(ioctl(prime.fd, _IOW('b', 0, uint64_t), &(uint64_t){8}), EINVAL);
	CHECK_FAILS(ioctl(prime.fd, _IOW('b', 0, uint64_t), (void *)8), EFAULT);
	CHECK_FAILS(ioctl(STDIN_FILENO, _IOW('b', 0, uint64_t), &(uint64_t){1}), ENOTTY);
	/* Into the file it is from: its old handle. */
	prime.handle = 0;
	CHECK_EQ(ioctl(first, PRIME_FD_TO_HANDLE, &prime), 0);
	CHECK_EQ(prime.handle, memory.handle);
	/* Into another one: an object with addresses of its own. */
	CHECK_EQ(ioctl(second, PRIME_FD_TO_HANDLE, &prime), 0);
	create.handle = map.handle = prime.handle;
	CHECK_EQ(ioctl(second, MEM_CREATE, &create), 0);
	CHECK_EQ(create.size, 8192);
	CHECK_EQ(create.obj_addr, memory.token);
	CHECK_FAILS(ioctl(second, MEM_MAP, &map), EINVAL);
	prime.fd = STDIN_FILENO;
	CHECK(ioctl(second, PRIME_FD_TO_HANDLE, &prime) < 0);
	prime.handle = 55;
	CHECK_FAILS(ioctl(first, PRIME_HANDLE_TO_FD, &prime), ENOENT);
	prime.handle = memory.handle;
	prime.flags = O_TRUNC;
	CHECK_FAILS(ioctl(first, PRIME_HANDLE_TO_FD, &prime), EINVAL);
}

/* ---- /dev/rknpu ---- */

static void misc_node(void)
{
	const unsigned long misc_create =
		_IOC(3, 'r', RKNPU_MEM_CREATE, sizeof(struct rknpu_mem_create));
	struct rknpu_mem_create create = {.size = 4000}, again = {0};
	struct rknpu_mem_destroy destroy = {0};
	struct rknpu_mem_map map = {0};
	struct rknpu_action action = {.flags = RKNPU_GET_HW_VERSION};
	int fd = open_node("/dev/rknpu");
	unsigned char *bytes;
	struct stat status;

	CHECK_EQ(fstat(fd, &status), 0);
	CHECK(S_ISCHR(status.st_mode));
	CHECK_EQ(ioctl(fd, _IOC(3, 'r', RKNPU_ACTION, 8), &action), 0);
	CHECK_EQ(action.value, 0x46495245);
	CHECK_FAILS(ioctl(fd, ACTION, &action), ENOTTY);
	CHECK_EQ(ioctl(fd, misc_create, &create), 0);
	CHECK((int)create.handle > 2);
	bytes = mmap(NULL, 4000, PROT_READ | PROT_WRITE, MAP_SHARED, (int)create.handle, 0);
	CHECK(bytes != MAP_FAILED);
	bytes[3999] = 9;
	again.handle = create.handle;
	CHECK_EQ(ioctl(fd, misc_create, &again), 0);
	CHECK_EQ(again.obj_addr, create.obj_addr);
	CHECK_EQ(again.handle, create.handle);
	map.handle = create.handle;
	CHECK_FAILS(ioctl(fd, _IOC(3, 'r', RKNPU_MEM_MAP, 16), &map), EINVAL);
	destroy.handle = create.handle;
	CHECK_EQ(ioctl(fd, _IOC(3, 'r', RKNPU_MEM_DESTROY, 16), &destroy), 0);
	create = (struct rknpu_mem_create){.size = 4096, .flags = RKNPU_MEM_NON_CONTIGUOUS};
	CHECK_FAILS(ioctl(fd, misc_create, &create), EINVAL);
}

/* Names of objects, by which another file of the process finds them. */
static void global_names(void)
{
	int card = open_node(CARD), other = open_node("/dev/dri/card0"), render = open_node(RENDER);
	struct drm_gem_flink flink = {.handle = 77};
	struct drm_gem_open request = {.name = 12345};
	struct rknpu_mem_create create = {0};
	struct memory memory;
	uint32_t first;

	memory_new(card, 5000, 0, &memory);
	CHECK_FAILS(ioctl(card, GEM_FLINK, &flink), ENOENT);
	CHECK_FAILS(ioctl(card, GEM_OPEN, &request), ENOENT);
	request.name = 0;
	CHECK_FAILS(ioctl(card, GEM_OPEN, &request), ENOENT);
	flink.handle = memory.handle;
	CHECK_FAILS(ioctl(render, GEM_FLINK, &flink), EACCES);
	CHECK_FAILS(ioctl(render, GEM_OPEN, &request), EACCES);
	CHECK_EQ(ioctl(card, GEM_FLINK, &flink), 0);
	CHECK(flink.name > 0);
	first = flink.name;
	CHECK_EQ(ioctl(card, GEM_FLINK, &flink), 0);
	CHECK_EQ(flink.name, first);
	request.name = first;
	CHECK_EQ(ioctl(other, GEM_OPEN, &request), 0);
	CHECK_EQ(request.size, 8192);
	create.handle = request.handle;
	CHECK_EQ(ioctl(other, MEM_CREATE, &create), 0);
	CHECK_EQ(create.obj_addr, memory.token);
	/* In the file that it is from: closing what was opened leaves it be. */
	CHECK_EQ(ioctl(card, GEM_OPEN, &request), 0);
	CHECK_EQ(memory_destroy(card, request.handle), 0);
	create.handle = memory.handle;
	CHECK_EQ(ioctl(card, MEM_CREATE, &create), 0);
	CHECK_EQ(create.obj_addr, memory.token);
	CHECK_EQ(memory_destroy(card, memory.handle), 0);
	CHECK_FAILS(memory_destroy(card, memory.handle), EINVAL);
}

static const struct client_case cases[] = {
	CLIENT_CASE(actions),
	CLIENT_CASE(domains_are_virtual),
	CLIENT_CASE(version_in_both_widths),
	CLIENT_CASE(generic_ioctls),
	CLIENT_CASE(every_struct_size),
	CLIENT_CASE(all_memory_flags),
	CLIENT_CASE(handles_and_maps),
	CLIENT_CASE(iovas_are_recycled),
	CLIENT_CASE(many_objects),
	CLIENT_CASE(many_nodes),
	CLIENT_CASE(syncs),
	CLIENT_CASE(sharing_by_prime),
	CLIENT_CASE(global_names),
	CLIENT_CASE(misc_node),
};

int main(int argc, char **argv)
{
	return client_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
