/* SPDX-License-Identifier: MIT */
/* set_ids - the process changes its groups and users while 16 threads wait or call: all of them change, at once. Who is not
 * root can only become who he is. */
#include <grp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "victim.h"

#define THREADS 16
#define NOBODY 65534
#define ROUNDS 10000

static volatile unsigned long sink;
static pthread_barrier_t barrier;
static int changed;

static APART void leaf(void)
{
	sink++;
}

static APART void work(void)
{
	for (int i = 0; i < ROUNDS; i++)
		leaf();
}

static void *start(void *goal)
{
	pthread_barrier_wait(&barrier);
	work(); /* the change comes in here */
	pthread_barrier_wait(&barrier);
	if ((uid_t)syscall(SYS_geteuid) == *(uid_t *)goal &&
	    (uid_t)syscall(SYS_getuid) == *(uid_t *)goal)
		__atomic_add_fetch(&changed, 1, __ATOMIC_RELAXED);
	work();
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	uid_t goal = geteuid() ? geteuid() : NOBODY;
	gid_t group = geteuid() ? getegid() : NOBODY;
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, start, &goal))
			abort();
	pthread_barrier_wait(&barrier);
	const int root = geteuid() == 0;
	const int groups = root ? setgroups(0, NULL) : 0;
	const int gid = setgid(group);
	const int uid = setuid(goal);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("setgroups %d setgid %d setuid %d, changed: %d threads\n", groups, gid, uid,
	       changed);
	SAY_CALLS("start", THREADS);
	SAY_CALLS("work", 2 * THREADS);
	SAY_CALLS("leaf", 2 * THREADS * ROUNDS);
	return changed == THREADS ? 0 : 1;
}
