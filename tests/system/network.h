/* SPDX-License-Identifier: MIT */
/*
 * A job of several tasks that may be cut between them: two halves, each of two whole streams and
 * two that only say where the output goes. Each task leaves a matrix product in a page of its own.
 */
#ifndef NPUD_TESTS_NETWORK_H
#define NPUD_TESTS_NETWORK_H

#include "client.h"

#include <stdbool.h>
#include <stdint.h>

#define NETWORK_TASKS  8u
#define NETWORK_BYTES  0x10000u
#define NETWORK_INPUTS 0x4000u /* two pages; streams lie below */
#define NETWORK_WEIGHT 0x6000u
#define NETWORK_OUTPUT 0x8000u /* a page a task */

struct network {
	struct client_bo bo;
	uint32_t handle;
	struct npu_task tasks[NETWORK_TASKS];
};

void network_init(struct client *client, struct network *ret_network);
/* Its streams as they were at first. */
void network_write_streams(struct network *network);
/* One of them, reading its input from elsewhere. */
void network_write_stream(struct network *network, unsigned i, uint32_t input_iova);
/* On any one core; points into the network. `flags`: NPU_SUBMIT_*. */
struct job_request network_request(const struct network *network, uint32_t flags);
/* Requires the right products, and clears them. */
void network_check(struct network *network);

#endif
