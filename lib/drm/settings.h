/* SPDX-License-Identifier: MIT */
/*
 * What npu-run says to this library, by the environment. It is read once, when the process begins:
 * programs clear their environment, write over it, and change their folder.
 */
#ifndef NPU_DRM_SETTINGS_H
#define NPU_DRM_SETTINGS_H

enum setting {
	SETTING_NODES,	     /* node.h */
	SETTING_ROOT,	     /* the folder of the presented files, path.h */
	SETTING_LOCK,	     /* the descriptor that says that these files are in use, init.c */
	SETTING_SOCKET,	     /* npud's; absolute wherever that fits into an address */
	SETTING_RUNTIME_DIR, /* where it is else: npud.sock there, or libnpu's last guess */
	SETTING_CLASS,	     /* of the policy's */
	SETTING_RECORD,	     /* a folder, record.h */
	SETTING_CHECK,	     /* a file, trace.h */
	SETTING_TRACE,	     /* the same */
	SETTING_DEBUG,
	SETTING_PERSONALITY, /* personality.h */
	N_SETTINGS,
};

/* Reads them, where nobody has yet. */
void settings_init(void);
/* NULL: not set. */
const char *settings_get(enum setting setting);

#endif
