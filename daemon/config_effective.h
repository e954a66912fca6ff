/* SPDX-License-Identifier: MIT */
/*
 * The policy as `npuctl policy show` prints it: a policy file that says outright what runs.
 */
#ifndef NPUD_DAEMON_CONFIG_EFFECTIVE_H
#define NPUD_DAEMON_CONFIG_EFFECTIVE_H

#include "daemon/config.h"

/*
 * Writes into config->effective the keys whose default follows from other keys or from the device,
 * which has n_cores cores. -ENOMEM.
 */
int config_spell_out(struct config *config, unsigned n_cores);

/*
 * Writes down what was decided elsewhere, by the command line for instance. Lack of memory, or text
 * that is not UTF-8, leaves what is there.
 */
void config_set_effective(struct config *config, const char *section, const char *key,
			  const char *text);

#endif
