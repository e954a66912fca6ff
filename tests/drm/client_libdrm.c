/* SPDX-License-Identifier: MIT */
/* libdrm on the presented nodes. */
#include "client.h"

#include <fcntl.h>
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

static const struct client_case cases[] = {
	CLIENT_CASE(versions),
	CLIENT_CASE(devices),
};

int main(int argc, char **argv)
{
	return client_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
