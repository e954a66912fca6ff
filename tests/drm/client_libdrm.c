/* SPDX-License-Identifier: MIT */
/* libdrm on the presented nodes. */
#include "client.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xf86drm.h>

static void versions(void)
{
	int fd = open("/dev/dri/renderD129", O_RDWR | O_CLOEXEC);
	drmVersionPtr version = drmGetVersion(fd);
	uint64_t value;

	CHECK(version);
	CHECK(strcmp(version->name, "rknpu") == 0);
	CHECK_EQ(version->version_minor, 9);
	drmFreeVersion(version);
	CHECK_EQ(drmGetNodeTypeFromFd(fd), DRM_NODE_RENDER);
	CHECK_EQ(drmGetCap(fd, DRM_CAP_PRIME, &value), 0);
	CHECK_EQ(value, 3);
	fd = drmOpen("rknpu", NULL);
	CHECK(fd >= 0);
	CHECK_EQ(drmGetNodeTypeFromFd(fd), DRM_NODE_PRIMARY);
	CHECK(strcmp(drmGetRenderDeviceNameFromFd(fd), "/dev/dri/renderD128") == 0 ||
	      strcmp(drmGetRenderDeviceNameFromFd(fd), "/dev/dri/renderD129") == 0);
	CHECK_EQ(drmClose(fd), 0);
}

static void devices(void)
{
	drmDevicePtr devices[16];
	int n = drmGetDevices2(0, devices, 16), found = 0;

	for (int i = 0; i < n; i++) {
		if (devices[i]->bustype != DRM_BUS_PLATFORM)
			continue;
		found++;
		CHECK(devices[i]->available_nodes & 1 << DRM_NODE_RENDER);
		CHECK(strcmp(devices[i]->businfo.platform->fullname, "/npu@fdab0000") == 0);
		CHECK(strstr(devices[i]->deviceinfo.platform->compatible[0], "rk3588"));
	}
	CHECK(found > 0);
	drmFreeDevices(devices, n);
}

static void sync_objects(void)
{
	int fd = open("/dev/dri/renderD129", O_RDWR | O_CLOEXEC), pipes[2], exported;
	uint32_t handles[2], first;

	CHECK_EQ(drmSyncobjCreate(fd, 0, &handles[0]), 0);
	CHECK_EQ(drmSyncobjCreate(fd, DRM_SYNCOBJ_CREATE_SIGNALED, &handles[1]), 0);
	CHECK(drmSyncobjWait(fd, handles, 2, 0, 0, &first) < 0); /* one has no fence */
	CHECK_EQ(drmSyncobjWait(fd, handles, 2, 0, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, &first),
		 0);
	CHECK_EQ(first, 1);
	/* The read end of a pipe stands for a fence, as npud's are; its mode says that it is one.
	 */
	CHECK_EQ(pipe(pipes), 0);
	CHECK(drmSyncobjImportSyncFile(fd, handles[0], pipes[0]) < 0);
	CHECK_EQ(fchmod(pipes[0], 0), 0);
	CHECK_EQ(drmSyncobjImportSyncFile(fd, handles[0], pipes[0]), 0);
	CHECK_EQ(drmSyncobjWait(fd, handles, 2, 0, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, NULL), -ETIME);
	close(pipes[1]);
	CHECK_EQ(drmSyncobjWait(fd, handles, 2, INT64_MAX, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, NULL),
		 0);
	CHECK_EQ(drmSyncobjExportSyncFile(fd, handles[0], &exported), 0);
	CHECK_EQ(drmSyncobjReset(fd, handles, 2), 0);
	CHECK(drmSyncobjWait(fd, handles, 1, 0, 0, NULL) < 0);
	CHECK_EQ(drmSyncobjSignal(fd, handles, 2), 0);
	CHECK_EQ(drmSyncobjWait(fd, handles, 2, 0, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, NULL), 0);
	CHECK_EQ(drmSyncobjDestroy(fd, handles[0]), 0);
	CHECK(drmSyncobjDestroy(fd, handles[0]) < 0);
}

static void prime(void)
{
	int fd = open("/dev/dri/card1", O_RDWR | O_CLOEXEC), fd_prime;
	uint32_t handle;

	CHECK(drmPrimeHandleToFD(fd, 1, O_CLOEXEC, &fd_prime) < 0);
	CHECK(drmPrimeFDToHandle(fd, fd, &handle) < 0);
}

/* libdrm knows no name for nodes of accelerators; all else works on them. */
static void accelerators(void)
{
	int fd = open("/dev/accel/accel0", O_RDWR | O_CLOEXEC), fd_prime;
	drmVersionPtr version = drmGetVersion(fd);
	struct {
		uint32_t size, handle;
		uint64_t dma_address, offset;
	} create = {.size = 4096};
	uint32_t handle;

	CHECK(version);
	CHECK(strcmp(version->name, "rocket") == 0);
	CHECK(strcmp(version->desc, "rocket DRM") == 0);
	CHECK_EQ(version->version_major, 0);
	drmFreeVersion(version);
	CHECK_EQ(drmCommandWriteRead(fd, 0, &create, sizeof(create)), 0);
	CHECK_EQ(drmPrimeHandleToFD(fd, create.handle, O_CLOEXEC | O_RDWR, &fd_prime), 0);
	CHECK_EQ(drmPrimeFDToHandle(fd, fd_prime, &handle), 0);
	CHECK_EQ(handle, create.handle);
	CHECK_EQ(drmCloseBufferHandle(fd, handle), 0);
	CHECK_FAILS(drmCloseBufferHandle(fd, handle), EINVAL);
}

static const struct client_case cases[] = {
	CLIENT_CASE(versions), CLIENT_CASE(devices),	  CLIENT_CASE(sync_objects),
	CLIENT_CASE(prime),    CLIENT_CASE(accelerators),
};

int main(int argc, char **argv)
{
	return client_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
