/* SPDX-License-Identifier: MIT */
/* symbolize/debug_files.h - separate debug files: where they are looked for, and what proves them right. */
#ifndef AP_SYMBOLIZE_DEBUG_FILES_H
#define AP_SYMBOLIZE_DEBUG_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <elfutils/libdwfl.h>

/** Where to look. Lives as long as any module that was opened with it. */
struct ap_debug_files {
	char *dir;	 /* the user's, absolute; searched first; NULL: none */
	bool debuginfod; /* ask servers for what is not found */
	Dwfl_Callbacks
		callbacks; /* for dwfl_begin(); the module's user data must point to this object */
};

/** ap_debug_files_init() - @dir may be NULL or missing. */
void ap_debug_files_init(struct ap_debug_files *files, const char *dir, bool debuginfod);
/** ap_debug_files_finish() - release; takes zeroed objects. */
void ap_debug_files_finish(struct ap_debug_files *files);
/**
 * ap_debug_files_by_build_id() - the debug file that was made from the binary with this build-id
 * @ret_path: new string, set on success only
 *
 * Return: a descriptor, or -1. */
int ap_debug_files_by_build_id(const struct ap_debug_files *files, const uint8_t *id, size_t bytes,
			       char **ret_path);

#endif
