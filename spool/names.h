/* SPDX-License-Identifier: MIT */
/* spool/names.h - where spools live and what the files there are called.
 *
 * Seen by both sides, so that the program and `autoprof` look in the same place: no allocation,
 * no stdio, and only one stat(). The directory is DIR: option dir=, else
 * $XDG_RUNTIME_DIR/autoprof when that variable names a directory of ours, else
 * /dev/shm/autoprof-UID. In it:
 *
 *   <pid>.<16 hex digits>.spool   one profile, one process
 *   <name of a spool>.reset       what was in it when it was reset: `autoprof ctl PID reset`
 *   <name of a spool>.sites       which hooks of its process may be patched (spool/patch.h)
 *   <name of a spool>.listing     the same, while it is being written
 *   log                           one line for each thing that went wrong
 *   run-<pid>-<16 hex digits>/    the same, for the programs of one `autoprof run` */
#ifndef AP_SPOOL_NAMES_H
#define AP_SPOOL_NAMES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define AP_SPOOL_SUFFIX ".spool"
#define AP_RESET_SUFFIX ".reset"
#define AP_SITES_SUFFIX ".sites"
#define AP_LISTING_SUFFIX ".listing"
#define AP_LOG_NAME "log"
#define AP_RUN_PREFIX "run-"
/* In a run directory: "PID PPID START\n" of every process that recorded nothing. START is unix time in ns. */
#define AP_RUN_KIN "kin"
/* A link in a run directory: LD_PRELOAD cannot quote paths. */
#define AP_RUN_LIBRARY "libautoprof.so"
#define AP_DIR_NAME "/autoprof"		       /* below $XDG_RUNTIME_DIR */
#define AP_SHM_DIR_PREFIX "/dev/shm/autoprof-" /* followed by the uid */
#define AP_DEFAULT_OUTPUT "autoprof.%e.%p.txt"

/** Magic numbers of statfs() for tmpfs and ramfs: elsewhere a store through a mapping may have to wait
 * for a disk. */
#define AP_FS_IN_MEMORY(type) ((uint32_t)(type) == 0x01021994u || (uint32_t)(type) == 0x858458f6u)

/** Room for any name made here, with its NUL. */
#define AP_NAME_BYTES 64

/** A text being put together; `used` is the length that it wants, also beyond `size`. */
struct ap_names_text {
	char *buffer;
	size_t size;
	size_t used;
};

static inline void ap_names_put_char(struct ap_names_text *text, char c)
{
	if (text->used + 1 < text->size) {
		text->buffer[text->used] = c;
		text->buffer[text->used + 1] = 0;
	}
	text->used++;
}

static inline void ap_names_put(struct ap_names_text *text, const char *from)
{
	while (*from) {
		ap_names_put_char(text, *from++);
	}
}

static inline void ap_names_put_number(struct ap_names_text *text, uint64_t value)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (n) {
		ap_names_put_char(text, digits[--n]);
	}
}

static inline void ap_names_put_hex(struct ap_names_text *text, uint64_t value)
{
	for (int shift = 60; shift >= 0; shift -= 4) {
		ap_names_put_char(text, "0123456789abcdef"[(value >> shift) & 15]);
	}
}

/** ap_names_fit() - did all of @text find room? Return: 0 or -ENAMETOOLONG. */
static inline int ap_names_fit(const struct ap_names_text *text)
{
	return text->used < text->size ? 0 : -ENAMETOOLONG;
}

/** ap_names_spool() - "DIR/PID.HEX.spool". Return: 0 or -ENAMETOOLONG. */
static inline int ap_names_spool(char *ret, size_t size, const char *dir, uint32_t pid,
				 uint64_t spool_id)
{
	struct ap_names_text text = {ret, size, 0};

	ap_names_put(&text, dir);
	ap_names_put_char(&text, '/');
	ap_names_put_number(&text, pid);
	ap_names_put_char(&text, '.');
	ap_names_put_hex(&text, spool_id);
	ap_names_put(&text, AP_SPOOL_SUFFIX);
	return ap_names_fit(&text);
}

/** ap_names_beside() - "SPOOL" and a suffix: the path of a file that belongs to a spool. Return: 0 or -ENAMETOOLONG. */
static inline int ap_names_beside(char *ret, size_t size, const char *spool, const char *suffix)
{
	struct ap_names_text text = {ret, size, 0};

	ap_names_put(&text, spool);
	ap_names_put(&text, suffix);
	return ap_names_fit(&text);
}

/** ap_names_log() - "DIR/log". Return: 0 or -ENAMETOOLONG. */
static inline int ap_names_log(char *ret, size_t size, const char *dir)
{
	struct ap_names_text text = {ret, size, 0};

	ap_names_put(&text, dir);
	ap_names_put(&text, "/" AP_LOG_NAME);
	return ap_names_fit(&text);
}

/** ap_names_run_dir() - "DIR/run-PID-HEX". Return: 0 or -ENAMETOOLONG. */
static inline int ap_names_run_dir(char *ret, size_t size, const char *dir, uint32_t pid,
				   uint64_t random)
{
	struct ap_names_text text = {ret, size, 0};

	ap_names_put(&text, dir);
	ap_names_put(&text, "/" AP_RUN_PREFIX);
	ap_names_put_number(&text, pid);
	ap_names_put_char(&text, '-');
	ap_names_put_hex(&text, random);
	return ap_names_fit(&text);
}

/** ap_names_number() - digits at @text; @ret_end is where they stop. Return: the number; 0 for
 * none. */
static inline uint32_t ap_names_number(const char *text, const char **ret_end)
{
	uint64_t value = 0;

	while (*text >= '0' && *text <= '9' && value <= UINT32_MAX) {
		value = value * 10 + (uint64_t)(*text++ - '0');
	}
	*ret_end = text;
	return value <= UINT32_MAX ? (uint32_t)value : 0;
}

/** ap_names_hex() - are there 16 lower-case hex digits at @text? */
static inline bool ap_names_hex(const char *text)
{
	for (int i = 0; i < 16; i++) {
		const bool digit = text[i] >= '0' && text[i] <= '9';
		if (!digit && !(text[i] >= 'a' && text[i] <= 'f')) {
			return false;
		}
	}
	return true;
}

static inline bool ap_names_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/** ap_names_spool_pid() - the pid in the name of a spool file (no directory); 0: not such a
 * name. */
static inline uint32_t ap_names_spool_pid(const char *name)
{
	const char *end;
	const uint32_t pid = ap_names_number(name, &end);

	if (pid == 0 || *end != '.' || !ap_names_hex(end + 1)) {
		return 0;
	}
	return ap_names_same(end + 17, AP_SPOOL_SUFFIX) ? pid : 0;
}

/** ap_names_last() - what is behind the last slash of @path. */
static inline const char *ap_names_last(const char *path)
{
	const char *last = path;

	for (; *path; path++) {
		if (*path == '/') {
			last = path + 1;
		}
	}
	return last;
}

/** ap_names_run_pid() - the pid in the name of a run directory; 0: not such a name. */
static inline uint32_t ap_names_run_pid(const char *name)
{
	static const char prefix[] = AP_RUN_PREFIX;
	const char *end;

	for (size_t i = 0; i < sizeof(prefix) - 1; i++) {
		if (*name++ != prefix[i]) {
			return 0;
		}
	}
	const uint32_t pid = ap_names_number(name, &end);
	return pid && *end == '-' && ap_names_hex(end + 1) && !end[17] ? pid : 0;
}

/**
 * ap_names_default_dir() - the directory when no option names one
 * @xdg: value of XDG_RUNTIME_DIR, or NULL
 *
 * A variable that is relative, or names something that is not a directory of @uid (after `su`),
 * is passed over. The directory itself may not exist yet. Return: 0 or -ENAMETOOLONG. */
static inline int ap_names_default_dir(char *ret, size_t size, const char *xdg, uint32_t uid)
{
	struct ap_names_text text = {ret, size, 0};
	struct stat st;

	if (xdg && xdg[0] == '/') {
		const int saved = errno;
		const bool ours = stat(xdg, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid;
		errno = saved;
		if (ours) {
			ap_names_put(&text, xdg);
			ap_names_put(&text, AP_DIR_NAME);
			return ap_names_fit(&text);
		}
	}
	ap_names_put(&text, AP_SHM_DIR_PREFIX);
	ap_names_put_number(&text, uid);
	return ap_names_fit(&text);
}

/** ap_names_check_dir() - may spools live in a directory with this lstat()? Return: 0; -ELOOP a
 * symbolic link; -ENOTDIR; -EPERM owned by another; -EACCES open to others. */
static inline int ap_names_check_dir(const struct stat *st, uint32_t uid)
{
	if (S_ISLNK(st->st_mode)) {
		return -ELOOP;
	}
	if (!S_ISDIR(st->st_mode)) {
		return -ENOTDIR;
	}
	if (st->st_uid != uid) {
		return -EPERM;
	}
	return st->st_mode & 077 ? -EACCES : 0;
}

#endif
