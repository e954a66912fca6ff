/* SPDX-License-Identifier: MIT */
/*
 * The device nodes that this process sees, from NPU_RUN_NODES: "card1=rknpu,accel/accel0=rocket".
 */
#ifndef NPU_DRM_NODE_H
#define NPU_DRM_NODE_H

#include "drm.h"

#include <stdbool.h>
#include <sys/stat.h>

enum drm_node_kind {
	NODE_PRIMARY, /* /dev/dri/cardN */
	NODE_RENDER,  /* /dev/dri/renderDN */
	NODE_ACCEL,   /* /dev/accel/accelN */
	NODE_MISC,    /* /dev/rknpu */
};

#define NODES_MAX     16
#define NODE_PATH_MAX 40

struct drm_node {
	char path[NODE_PATH_MAX];
	enum drm_node_kind kind;
	unsigned major, minor;
	unsigned device; /* 0 ...: cardN and renderD(128 + N) of a driver are nodes of one */
	const struct drm_driver *driver;
};

/* All nodes there are where NPU_RUN_NODES says nothing. */
#define NODES_DEFAULT                                                                              \
	"dri/card1=rknpu,dri/renderD129=rknpu,dri/card0=rknpu,dri/renderD128=rknpu,rknpu=rknpu,"   \
	"accel/accel0=rocket"

/* Understands one entry, "dri/card1=rknpu"; false for what names no node or no driver. */
bool node_parse(const char *entry, size_t length, struct drm_node *ret_node);
/* The nodes by number, from 0; NULL behind the last. */
const struct drm_node *node_at(unsigned i);
/* The node of that absolute, plain path, or NULL. */
const struct drm_node *node_find(const char *path);
#define NODE_UNIQUE_MAX 16

/* The platform device that it belongs to, as GET_UNIQUE names it; "" where its driver has none. */
void node_unique(const struct drm_node *node, char ret_name[NODE_UNIQUE_MAX]);
/* What stat() says of it. */
void node_stat(const struct drm_node *node, ino_t ino, struct stat64 *ret_status);

#endif
