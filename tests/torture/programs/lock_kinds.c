/* SPDX-License-Identifier: MIT */
/* lock_kinds - what each kind of mutex, and conditions, barriers, read-write locks, spin locks and semaphores return, in
 * the cases where they differ. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "victim.h"

static int said;

static APART void say(const char *what, int result)
{
	said++;
	printf("%s: %s\n", what,
	       result == PTHREAD_BARRIER_SERIAL_THREAD ? "serial" : strerror(result));
}

static UNTRACED void make(pthread_mutex_t *mutex, int type, int protocol, int robust)
{
	pthread_mutexattr_t attributes;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, type);
	pthread_mutexattr_setprotocol(&attributes, protocol);
	pthread_mutexattr_setrobust(&attributes, robust);
	pthread_mutex_init(mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

static UNTRACED struct timespec soon(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

static APART void *try_it(void *mutex)
{
	const struct timespec until = soon();
	say(" other thread: trylock", pthread_mutex_trylock(mutex));
	say(" other thread: timedlock", pthread_mutex_timedlock(mutex, &until));
	say(" other thread: unlock", pthread_mutex_unlock(mutex));
	return NULL;
}

static APART void in_thread(void *(*start)(void *), void *argument)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, start, argument) || pthread_join(thread, NULL))
		abort();
}

static APART void *die_with(void *mutex)
{
	say(" owner: lock", pthread_mutex_lock(mutex));
	return NULL;
}

static APART void checked(int type, int protocol)
{
	pthread_mutex_t mutex;
	make(&mutex, type, protocol, PTHREAD_MUTEX_STALLED);
	say("lock", pthread_mutex_lock(&mutex));
	say("trylock again", pthread_mutex_trylock(&mutex));
	if (type != PTHREAD_MUTEX_NORMAL)
		say("lock again", pthread_mutex_lock(&mutex));
	if (type == PTHREAD_MUTEX_RECURSIVE) {
		say("unlock", pthread_mutex_unlock(&mutex));
		say("unlock", pthread_mutex_unlock(&mutex));
	}
	if (type != PTHREAD_MUTEX_NORMAL)
		in_thread(try_it, &mutex);
	say("unlock", pthread_mutex_unlock(&mutex));
	if (type != PTHREAD_MUTEX_NORMAL)
		say("unlock too often", pthread_mutex_unlock(&mutex));
	say("destroy", pthread_mutex_destroy(&mutex));
}

static APART void robust(int protocol)
{
	pthread_mutex_t mutex;
	make(&mutex, PTHREAD_MUTEX_ERRORCHECK, protocol, PTHREAD_MUTEX_ROBUST);
	in_thread(die_with, &mutex);
	say("lock after death", pthread_mutex_lock(&mutex));
	say("consistent", pthread_mutex_consistent(&mutex));
	say("unlock", pthread_mutex_unlock(&mutex));
	in_thread(die_with, &mutex);
	say("lock after death", pthread_mutex_lock(&mutex));
	say("unlock without repair", pthread_mutex_unlock(&mutex));
	say("lock what is lost", pthread_mutex_lock(&mutex));
}

static APART void conditions(void)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
	const struct timespec until = soon(), past = {1, 0}, wrong = {1, 1000000000};
	pthread_mutex_lock(&mutex);
	say("timedwait", pthread_cond_timedwait(&condition, &mutex, &until));
	say("timedwait, past", pthread_cond_timedwait(&condition, &mutex, &past));
	say("timedwait, wrong", pthread_cond_timedwait(&condition, &mutex, &wrong));
	say("unlock", pthread_mutex_unlock(&mutex));
	say("signal", pthread_cond_signal(&condition));
	say("broadcast", pthread_cond_broadcast(&condition));
}

static APART void read_write(void)
{
	pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
	const struct timespec until = soon();
	say("rdlock", pthread_rwlock_rdlock(&lock));
	say("rdlock twice", pthread_rwlock_tryrdlock(&lock));
	say("trywrlock", pthread_rwlock_trywrlock(&lock));
	say("timedwrlock", pthread_rwlock_timedwrlock(&lock, &until));
	say("unlock", pthread_rwlock_unlock(&lock));
	say("unlock", pthread_rwlock_unlock(&lock));
	say("wrlock", pthread_rwlock_wrlock(&lock));
	say("wrlock again", pthread_rwlock_wrlock(&lock));
	say("rdlock inside", pthread_rwlock_rdlock(&lock));
	say("unlock", pthread_rwlock_unlock(&lock));
	say("destroy", pthread_rwlock_destroy(&lock));
}

static APART void others(void)
{
	pthread_barrier_t barrier;
	pthread_spinlock_t spin;
	sem_t semaphore;
	const struct timespec until = soon();
	say("barrier of none", pthread_barrier_init(&barrier, NULL, 0));
	say("barrier", pthread_barrier_init(&barrier, NULL, 1));
	say("wait", pthread_barrier_wait(&barrier));
	say("destroy", pthread_barrier_destroy(&barrier));
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	say("spin lock", pthread_spin_lock(&spin));
	say("spin trylock", pthread_spin_trylock(&spin));
	say("spin unlock", pthread_spin_unlock(&spin));
	sem_init(&semaphore, 0, 0);
	say("sem_trywait", sem_trywait(&semaphore) ? errno : 0);
	say("sem_timedwait", sem_timedwait(&semaphore, &until) ? errno : 0);
	say("sem_post", sem_post(&semaphore) ? errno : 0);
	say("sem_wait", sem_wait(&semaphore) ? errno : 0);
}

int main(void)
{
	static const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ERRORCHECK,
				    PTHREAD_MUTEX_RECURSIVE};
	for (int i = 0; i < 3; i++) {
		checked(types[i], PTHREAD_PRIO_NONE);
		checked(types[i], PTHREAD_PRIO_INHERIT);
	}
	robust(PTHREAD_PRIO_NONE);
	robust(PTHREAD_PRIO_INHERIT);
	conditions();
	read_write();
	others();
	SAY_CALLS("checked", 6);
	SAY_CALLS("robust", 2);
	SAY_CALLS("in_thread", 8);
	SAY_CALLS("try_it", 4);
	SAY_CALLS("die_with", 4);
	SAY_CALLS("say", said);
	return 0;
}
