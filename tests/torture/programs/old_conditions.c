/* SPDX-License-Identifier: MIT */
/* old_conditions - a program linked long ago: its condition variables are those of the first version of libc, whose memory
 * is another than today's. They wake, time out and return what they always did. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "victim.h"

/* Each of them, or none: the versions cannot be mixed. */
__asm__(".symver old_init,pthread_cond_init@GLIBC_2.2.5");
__asm__(".symver old_wait,pthread_cond_wait@GLIBC_2.2.5");
__asm__(".symver old_timedwait,pthread_cond_timedwait@GLIBC_2.2.5");
__asm__(".symver old_signal,pthread_cond_signal@GLIBC_2.2.5");
__asm__(".symver old_broadcast,pthread_cond_broadcast@GLIBC_2.2.5");
__asm__(".symver old_destroy,pthread_cond_destroy@GLIBC_2.2.5");

struct old_condition {
	void *made_at_first_use;
};

extern int old_init(struct old_condition *, const void *);
extern int old_wait(struct old_condition *, pthread_mutex_t *);
extern int old_timedwait(struct old_condition *, pthread_mutex_t *, const struct timespec *);
extern int old_signal(struct old_condition *);
extern int old_broadcast(struct old_condition *);
extern int old_destroy(struct old_condition *);

#define WAITERS 4

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Just as large as it was, between what must stay as it is. */
static struct {
	unsigned long before;
	struct old_condition turn;
	unsigned long after;
} guarded = {0x5a5a5a5a, {NULL}, 0xa5a5a5a5};
static struct old_condition *const turn = &guarded.turn;
static int ball, rounds, returned;

static APART void play(int mine)
{
	returned |= pthread_mutex_lock(&lock);
	while (ball != mine)
		returned |= old_wait(turn, &lock);
	ball = (mine + 1) % WAITERS;
	returned |= old_broadcast(turn);
	returned |= pthread_mutex_unlock(&lock);
}

static APART void *player(void *number)
{
	for (int i = 0; i < rounds; i++)
		play((int)(long)number);
	return NULL;
}

static APART int late(void)
{
	const struct timespec long_ago = {1, 0};

	pthread_mutex_lock(&lock);
	const int result = old_timedwait(turn, &lock, &long_ago);
	pthread_mutex_unlock(&lock);
	return result;
}

int main(int argc, char **argv)
{
	pthread_t thread[WAITERS];
	int timeouts = 0;

	rounds = argc > 1 ? atoi(argv[1]) : 1000;
	returned |= old_init(turn, NULL);
	for (long i = 0; i < WAITERS; i++)
		pthread_create(&thread[i], NULL, player, (void *)i);
	for (int i = 0; i < WAITERS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < rounds; i++)
		timeouts += late() == ETIMEDOUT;
	returned |= old_signal(turn);
	returned |= old_destroy(turn);
	printf("returned %d, timeouts %d, ball %d, beside it %lx %lx\n", returned, timeouts, ball,
	       guarded.before, guarded.after);
	SAY_CALLS("main", 1);
	SAY_CALLS("player", WAITERS);
	SAY_CALLS("play", WAITERS * rounds);
	SAY_CALLS("late", rounds);
	return 0;
}
