/* SPDX-License-Identifier: MIT */
/* libdrm on the presented nodes. */
#include "client.h"

#include <fcntl.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
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

/* A card and its render node are one device, and every node belongs to one. */
static void require_device(unsigned number)
{
	char names[2][32], platform[32];
	drmDevicePtr device;

	snprintf(names[0], sizeof(names[0]), "/dev/dri/card%u", number);
	snprintf(names[1], sizeof(names[1]), "/dev/dri/renderD%u", 128 + number);
	for (int i = 0; i < 2; i++) {
		int fd = open(names[i], O_RDWR | O_CLOEXEC);
		drmVersionPtr version = drmGetVersion(fd);

		CHECK(version);
		if (strcmp(version->name, "rknpu") != 0)
			return; /* a node of the machine's */
		CHECK(strcmp(drmGetPrimaryDeviceNameFromFd(fd), names[0]) == 0);
		CHECK(strcmp(drmGetRenderDeviceNameFromFd(fd), names[1]) == 0);
		CHECK(strcmp(drmGetDeviceNameFromFd2(fd), names[i]) == 0);
		CHECK_EQ(drmGetDevice2(fd, 0, &device), 0);
		CHECK_EQ(device->available_nodes, 1 << DRM_NODE_PRIMARY | 1 << DRM_NODE_RENDER);
		CHECK(strcmp(device->nodes[DRM_NODE_PRIMARY], names[0]) == 0);
		CHECK(strcmp(device->nodes[DRM_NODE_RENDER], names[1]) == 0);
		/* The names of the other places agree with the device's. */
		if (i == 0) {
			snprintf(platform, sizeof(platform), "/npu@%.8s", drmGetBusid(fd));
			CHECK(strcmp(device->businfo.platform->fullname, platform) == 0);
		}
		drmFreeDevice(&device);
		CHECK_EQ(drmGetDevice(fd, &device), 0);
		drmFreeDevice(&device);
		drmFreeVersion(version);
		close(fd);
	}
}

static void nodes_have_devices(void)
{
	require_device(0);
	require_device(1);
}

static void devices(void)
{
	drmDevicePtr devices[16];
	int n = drmGetDevices2(0, devices, 16), n_found = 0, n_named = 0;

	for (int i = 0; i < n; i++) {
		if (devices[i]->bustype != DRM_BUS_PLATFORM)
			continue;
		n_found++;
		CHECK(devices[i]->available_nodes & 1 << DRM_NODE_RENDER);
		n_named += strcmp(devices[i]->businfo.platform->fullname, "/npu@fdab0000") == 0;
		CHECK(strstr(devices[i]->deviceinfo.platform->compatible[0], "rk3588"));
	}
	CHECK_EQ(n_named, 1);
	CHECK(n_found == (access("/sys/dev/char/226:128/device/uevent", F_OK) == 0 ? 2 : 1));
	drmFreeDevices(devices, n);
}

/* What is opened by the driver's name has a device. */
static void opened_by_name(void)
{
	int fd = drmOpen("rknpu", NULL);
	drmDevicePtr device;

	CHECK(fd >= 0);
	CHECK_EQ(drmGetDevice2(fd, 0, &device), 0);
	drmFreeDevice(&device);
	CHECK_EQ(drmClose(fd), 0);
	fd = drmOpen(NULL, "fdab0000.npu");
	CHECK(fd >= 0);
	CHECK(strcmp(drmGetDeviceNameFromFd2(fd), "/dev/dri/card1") == 0);
	CHECK_EQ(drmClose(fd), 0);
}

static void sync_objects(void)
{
	int fd = open("/dev/dri/renderD129", O_RDWR | O_CLOEXEC), pipes[2], exported;
	struct sync_file_info info = {0};
	uint32_t handles[2], handle, first;

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
	/* One that was signalled by hand gives a fence that is over. */
	CHECK_EQ(drmSyncobjExportSyncFile(fd, handles[1], &exported), 0);
	CHECK_EQ(poll(&(struct pollfd){.fd = exported, .events = POLLIN}, 1, 0), 1);
	CHECK_EQ(ioctl(exported, SYNC_IOC_FILE_INFO, &info), 0);
	CHECK_EQ(info.status, 1);
	CHECK_EQ(drmSyncobjImportSyncFile(fd, handles[0], exported), 0);
	CHECK_EQ(drmSyncobjWait(fd, handles, 1, 0, 0, NULL), 0);
	CHECK(drmSyncobjCreate(fd, 8, &handle) < 0);
	CHECK(drmSyncobjHandleToFD(fd, handles[0], &exported) < 0);
	CHECK(drmSyncobjExportSyncFile(fd, 99, &exported) < 0);
	CHECK_EQ(drmSyncobjReset(fd, handles, 2), 0);
	CHECK(drmSyncobjWait(fd, handles, 1, 0, 0, NULL) < 0);
	CHECK(drmSyncobjExportSyncFile(fd, handles[1], &exported) < 0);
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
	CLIENT_CASE(versions),	     CLIENT_CASE(devices),	CLIENT_CASE(nodes_have_devices),
	CLIENT_CASE(opened_by_name), CLIENT_CASE(sync_objects), CLIENT_CASE(prime),
	CLIENT_CASE(accelerators),
};

int main(int argc, char **argv)
{
	return client_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
