/* SPDX-License-Identifier: MIT */
/* Names and numbers of nodes are fixed by the kernel; which of them exist here is npu-run's say. */
#include "wrap.h"

#include "node.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define DRM_MAJOR   226
#define ACCEL_MAJOR 261
#define MISC_MAJOR  10
#define MISC_MINOR  120 /* of the dynamic ones */
#define PAIRS	    64	/* cardN and renderD(128 + N) are nodes of one device */

static const struct {
	const char *prefix;
	enum drm_node_kind kind;
	unsigned major, minor_min, minor_max;
	bool has_number;
} families[] = {
	{"dri/card", NODE_PRIMARY, DRM_MAJOR, 0, 63, true},
	{"dri/renderD", NODE_RENDER, DRM_MAJOR, 128, 191, true},
	{"accel/accel", NODE_ACCEL, ACCEL_MAJOR, 0, 63, true},
	{"rknpu", NODE_MISC, MISC_MAJOR, MISC_MINOR, MISC_MINOR, false},
};

static const struct drm_driver *const drivers[] = {&drm_driver_rknpu, &drm_driver_rocket};

static struct drm_node nodes[NODES_MAX];
static unsigned n_nodes;
static pthread_once_t nodes_once = PTHREAD_ONCE_INIT;

static const struct drm_driver *driver_find(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strlen(drivers[i]->name) == length &&
		    strncmp(drivers[i]->name, name, length) == 0)
			return drivers[i];
	return NULL;
}

/* "card1": the number behind the prefix, which is the minor. */
static bool parse_minor(const char *text, size_t length, unsigned *ret_minor)
{
	unsigned minor = 0;

	if (length < 1 || length > 3)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		minor = minor * 10 + (unsigned)(text[i] - '0');
	}
	*ret_minor = minor;
	return true;
}

static bool parse_name(const char *name, size_t length, struct drm_node *node)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		size_t prefix = strlen(families[i].prefix);
		unsigned minor = families[i].minor_min;

		if (length < prefix || strncmp(name, families[i].prefix, prefix) != 0)
			continue;
		if (families[i].has_number ? !parse_minor(name + prefix, length - prefix, &minor)
					   : length != prefix)
			continue;
		if (minor < families[i].minor_min || minor > families[i].minor_max)
			continue;
		node->kind = families[i].kind;
		node->major = families[i].major;
		node->minor = minor;
		return true;
	}
	return false;
}

bool node_parse(const char *entry, size_t length, struct drm_node *ret_node)
{
	const char *equals = memchr(entry, '=', length);
	struct drm_node node = {0};
	size_t name_length;

	if (!equals)
		return false;
	name_length = (size_t)(equals - entry);
	if (name_length + sizeof("/dev/") > sizeof(node.path) ||
	    !parse_name(entry, name_length, &node))
		return false;
	node.driver = driver_find(equals + 1, length - name_length - 1);
	if (!node.driver || (node.kind == NODE_MISC && !node.driver->misc_ioctls))
		return false;
	memcpy(node.path, "/dev/", 5);
	memcpy(node.path + 5, entry, name_length);
	*ret_node = node;
	return true;
}

/* By the number of its first node in the list, as npu-run's files have it. */
static unsigned find_device(const struct drm_node *node)
{
	uint64_t before = 0;

	for (const struct drm_node *other = nodes; other < node; other++) {
		if (other->kind == NODE_MISC || other->driver != node->driver)
			continue;
		if (other->minor % PAIRS == node->minor % PAIRS)
			return other->device;
		before |= 1ull << other->minor % PAIRS;
	}
	return (unsigned)__builtin_popcountll(before);
}

static void nodes_init(void)
{
	const char *list = getenv("NPU_RUN_NODES");

	for (list = list ? list : NODES_DEFAULT; *list && n_nodes < NODES_MAX;) {
		size_t length = strcspn(list, ",");

		if (node_parse(list, length, &nodes[n_nodes])) {
			nodes[n_nodes].device = find_device(&nodes[n_nodes]);
			n_nodes++;
		}
		list += length + (list[length] == ',');
	}
}

const struct drm_node *node_at(unsigned i)
{
	pthread_once(&nodes_once, nodes_init);
	return i < n_nodes ? &nodes[i] : NULL;
}

const struct drm_node *node_find(const char *path)
{
	pthread_once(&nodes_once, nodes_init);
	for (unsigned i = 0; i < n_nodes; i++)
		if (strcmp(nodes[i].path, path) == 0)
			return &nodes[i];
	return NULL;
}

void node_unique(const struct drm_node *node, char ret_name[NODE_UNIQUE_MAX])
{
	const uint32_t address = node->driver->address;

	*ret_name = '\0';
	if (address)
		snprintf(ret_name, NODE_UNIQUE_MAX, "%x.npu", address + (node->device << 16));
}

void node_stat(const struct drm_node *node, ino_t ino, struct stat64 *ret_status)
{
	*ret_status = (struct stat64){
		.st_dev = makedev(0, 5), /* a devtmpfs */
		.st_ino = ino ? ino : 256 + node->minor,
		.st_mode = S_IFCHR | (node->kind == NODE_PRIMARY ? 0660 : 0666),
		.st_nlink = 1,
		.st_rdev = makedev(node->major, node->minor),
		.st_blksize = 4096,
	};
}
