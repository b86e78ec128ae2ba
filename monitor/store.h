/* SPDX-License-Identifier: MIT */
/* monitor/store.h - the directory where spools live: which one it is, what is in it, its log. */
#ifndef AP_MONITOR_STORE_H
#define AP_MONITOR_STORE_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

#include "profile/profile.h"
#include "spool/names.h"

/** A spool file. The path is owned by the store. */
struct ap_store_entry {
	char *path;
	uint32_t pid;  /* by its name */
	bool readable; /* `head` is valid; else `error` says why not */
	bool alive;    /* its process is still there (for an unreadable one: the pid is) */
	struct ap_profile_head head;
	struct ap_profile_error error;
	int64_t sign_of_life_ns; /* CLOCK_REALTIME of the latest thing known of it */
};

/** The spools of a directory and of the run directories in it, newest first. Zeroed: empty. */
struct ap_store {
	struct ap_store_entry *entries;
	size_t n;
};

/**
 * ap_store_option() - value of a key in an AUTOPROF_OPTIONS string; the last one wins, `\:` is
 * a colon, `\\` a backslash
 *
 * Return: 1 found; 0 not there (@ret is empty); -ENAMETOOLONG. */
int ap_store_option(const char *options, const char *key, char *ret, size_t size);

/**
 * ap_store_dir() - the directory that programs started here would use
 * @option: of the command line, or NULL; then dir= in AUTOPROF_OPTIONS; then the default
 *
 * Return: 0 or -ENAMETOOLONG. */
int ap_store_dir(const char *option, char *ret, size_t size);

/** ap_store_make() - make a directory for spools, or check the one that is there. Return: 0, as
 * ap_names_check_dir(), or the errno of making it. */
int ap_store_make(const char *dir);
/** ap_store_open() - open a directory of ours: files of others are neither read nor removed. A run
 * directory must not be a symbolic link.
 * Return: 0: close @ret with closedir(); -EPERM it is another's; or the errno of opening it. */
int ap_store_open(const char *dir, DIR **ret);
/** ap_store_why() - what is wrong with a directory, in words, from an error of the three functions
 * around. */
const char *ap_store_why(int error);
/** ap_store_list() - read @dir; finish with ap_store_clear(). Return: 0 or as ap_store_open(). */
int ap_store_list(const char *dir, struct ap_store *ret);
/** ap_store_add() - append one file of any name. Return: 0 or -ENOMEM. */
int ap_store_add(struct ap_store *store, const char *path);
/** ap_store_clear() - takes zeroed objects; empty and reusable afterwards. */
void ap_store_clear(struct ap_store *store);

/** ap_store_bytes() - memory that a spool takes; 0: it is not there. */
uint64_t ap_store_bytes(const char *spool);
/** ap_store_unlink() - remove a spool, and what belongs to it. Return: 0 or errno. */
int ap_store_unlink(const char *spool);
/** ap_store_discard() - the same; its run directory goes with the last one. Return: 0 or
 * errno. */
int ap_store_discard(const char *spool);
/** ap_store_remove_run() - remove a run directory that holds no spool any more, and what we put
 * there.
 * Return: 0; -ENOTEMPTY spools are left; or another errno. */
int ap_store_remove_run(const char *dir);
/** ap_store_is_held() - is this spool in a directory whose `autoprof run` is at work? It is that one's to remove. */
bool ap_store_is_held(const char *spool);
/** ap_store_is_run() - is this path that of a run directory? */
bool ap_store_is_run(const char *dir);

/** ap_store_parent() - directory part of @path. Return: 0 or -ENAMETOOLONG. */
int ap_store_parent(const char *path, char *ret, size_t size);
/** ap_store_home() - the directory that outlasts @spool: of a run directory, the one that it is in.
 * Return: 0 or -ENAMETOOLONG. */
int ap_store_home(const char *spool, char *ret, size_t size);
/** ap_store_log() - append one line to the log in the home of @spool; problems with that are
 * ignored. */
void ap_store_log(const char *spool, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
