/* SPDX-License-Identifier: MIT */
/*
 * Which register led a core to the address where it faulted.
 */
#ifndef NPUD_DEVICE_SOFT_BLAME_H
#define NPUD_DEVICE_SOFT_BLAME_H

#include "device/soft/npu_core.h"

/*
 * For the thread that owns the bus, about a core that stands still after a fault of the MMU bank at
 * window offset `bank`. Puts "BLOCK REGISTER: value, faults at ADDRESS" into the text; false when
 * no register leads there.
 */
bool soft_blame_find(struct soft_core *core, uint32_t bank, struct soft_complaint *ret_text);

#endif
