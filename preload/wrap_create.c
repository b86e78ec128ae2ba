/* SPDX-License-Identifier: MIT */
/* preload/wrap_create.c - threads and processes made: counted, nothing else. fork() is counted by its handlers. */
#include <spawn.h>

#include "preload/real.h"

static void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static struct ap_spool_header *header(void)
{
	struct ap_control *c = ap_runtime.control;
	return c && c->state == AP_STATE_ON ? c->header : NULL;
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *argument)
{
	if (header())
		count(&header()->threads_created);
	return AP_REAL(pthread_create)(thread, attributes, start, argument);
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	if (header())
		count(&header()->processes_created);
	return AP_REAL(posix_spawn)(pid, path, actions, attributes, argv, envp);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	if (header())
		count(&header()->processes_created);
	return AP_REAL(posix_spawnp)(pid, file, actions, attributes, argv, envp);
}
