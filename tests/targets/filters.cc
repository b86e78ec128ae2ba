/* SPDX-License-Identifier: MIT */
/* filters - a tree of calls of which filters take parts: root() and other() call middle() and leaf(), in two namespaces,
 * N times; "kill" ends it in the middle of everything, "threads" does it in four threads, "jump" leaves by longjmp,
 * "fork" in a child, too. */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <csetjmp>
#include <csignal>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define APART __attribute__((noinline))

namespace geo {
struct Point {
	int x;
	APART Point(int v) : x(v)
	{
	}
	APART int norm() const
	{
		return x < 0 ? -x : x;
	}
};

template <class T> APART T twice(T value)
{
	__asm__ volatile("" : "+r"(value));
	return value + value;
}
} // namespace geo

static APART int leaf(int i)
{
	__asm__ volatile("" : "+r"(i));
	return i + 1;
}

static APART int middle(int i)
{
	return leaf(i) + geo::twice(i);
}

static APART int root(int i)
{
	geo::Point point(i);
	return middle(i) + point.norm();
}

static APART int other(int i)
{
	return leaf(i) + middle(i);
}

static APART int down(int i)
{
	return i ? down(i - 1) + 1 : leaf(i);
}

static int rounds;

static APART void *work(void *)
{
	int sum = 0;
	for (int i = 0; i < rounds; i++)
		sum += root(i) + other(i);
	return sum ? NULL : &rounds;
}

static jmp_buf target;

static APART void jump(int i)
{
	if (leaf(i))
		longjmp(target, 1);
}

static APART void jumps(void)
{
	for (volatile int i = 0; i < rounds; i++) {
		if (!setjmp(target))
			jump(i);
	}
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[2] : "";
	rounds = argc > 1 ? atoi(argv[1]) : 1;
	if (!strcmp(how, "threads")) {
		pthread_t threads[4];
		for (pthread_t &thread : threads)
			pthread_create(&thread, NULL, work, NULL);
		for (pthread_t &thread : threads)
			pthread_join(thread, NULL);
	} else if (!strcmp(how, "jump")) {
		jumps();
		down(100);
	} else if (!strcmp(how, "fork")) {
		if (fork() == 0) {
			work(NULL);
			exit(0);
		}
		wait(NULL);
	} else {
		work(NULL);
	}
	if (!strcmp(how, "kill"))
		kill(getpid(), SIGKILL);
	return 0;
}
