/* SPDX-License-Identifier: MIT */
/* cli/launch.h - start a command as a child, stay out of its way, wait for it. */
#ifndef AP_CLI_LAUNCH_H
#define AP_CLI_LAUNCH_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

/** ap_launch_find() - the file that execvp() would run. Return: 0; AP_EXIT_NOT_FOUND;
 * AP_EXIT_NOT_EXECUTABLE. */
int ap_launch_find(const char *command, char *ret, size_t size);

/** Environment of the command: `name` gets `value`. NULL value: as it is. */
struct ap_launch_variable {
	const char *name;
	const char *value;
};

/** A running command. */
struct ap_launch {
	pid_t pid;
	int pidfd; /* -1: an old kernel */
};

/**
 * ap_launch_start() - fork and exec
 * @variables: ends with a NULL name
 *
 * From here on SIGINT and SIGQUIT of the terminal, which the command gets too, leave us alone;
 * what others send to us (also SIGTERM, SIGHUP) is passed on. Return: 0, or the errno of fork()
 * or exec(). */
int ap_launch_start(char *const *argv, const struct ap_launch_variable *variables,
		    struct ap_launch *ret);

/** ap_launch_wait() - until it is dead or @timeout_ms are over. Return: 1 dead, not reaped; 0
 * not yet. */
int ap_launch_wait(const struct ap_launch *launch, int timeout_ms);

/** What was left of it. */
struct ap_launch_end {
	int wait_status;
	size_t max_rss_bytes; /* of it or of a child of its own; 0: unknown, no more than ours */
};

/** ap_launch_reap() - take the dead command's status; our signals are as before it. */
void ap_launch_reap(struct ap_launch *launch, struct ap_launch_end *ret);

#endif
