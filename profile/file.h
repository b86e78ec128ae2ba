/* SPDX-License-Identifier: MIT */
/* profile/file.h - a spool's file: opened with care, read with pread, never mapped.
 *
 * A mapping of a file that shrinks kills the reader; a copy does not. */
#ifndef AP_PROFILE_FILE_H
#define AP_PROFILE_FILE_H

#include "profile/profile.h"

/** ap_file_open() - open a regular file for reading. Return: 0, or a negative errno with @error told. */
int ap_file_open(const char *path, int *ret_fd, uint64_t *ret_size, struct ap_profile_error *error);
/** ap_file_close() - takes -1. */
void ap_file_close(int fd);

/** ap_file_read() - read exactly @n bytes at @at. Return: 0; -EBADMSG where the file ends before; -errno. */
int ap_file_read(int fd, uint64_t at, void *ret, size_t n);
/** ap_file_header() - read and check the header. Return: as ap_profile_head(). */
int ap_file_header(int fd, uint64_t size, struct ap_spool_header *ret,
		   struct ap_profile_error *error);
/** ap_file_load() - the bytes of the spool that matter, holes skipped, as a new block to be freed. */
int ap_file_load(int fd, uint64_t size, void **ret_bytes, size_t *ret_size,
		 struct ap_profile_error *error);

#endif
