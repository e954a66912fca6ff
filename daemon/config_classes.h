/* SPDX-License-Identifier: MIT */
/*
 * The policy file's `admin_group`, `classes` and `match` -> struct session_policy.
 */
#ifndef NPUD_DAEMON_CONFIG_CLASSES_H
#define NPUD_DAEMON_CONFIG_CLASSES_H

#include "daemon/json_reader.h"
#include "scheduler/scheduler.h"
#include "sessions/class.h"

/*
 * Before the check: a document without `match` gives everybody the class "default", which is added
 * where it is missing. -ENOMEM.
 */
int config_classes_prepare(json_t *document);
/*
 * After the check: fills classes, rules and the group of `ret_policy` (not the quotas), completes
 * the document, notes what does not apply. `scheduler` has been read, and gets what the classes say
 * of cores. -EINVAL with reader->error; -ENOMEM.
 */
int config_classes_read(struct json_reader *reader, json_t *document,
			struct scheduler_config *scheduler, struct session_policy *ret_policy);

#endif
