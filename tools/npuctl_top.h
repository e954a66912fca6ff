/* SPDX-License-Identifier: MIT */
#ifndef NPU_TOOLS_NPUCTL_TOP_H
#define NPU_TOOLS_NPUCTL_TOP_H

#include "cli.h"

/* Shows cores and sessions, fresh every second, until `q` or the daemon's end. */
enum cli_status npuctl_top(struct npu_session *session);

#endif
