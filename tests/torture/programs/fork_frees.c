/* SPDX-License-Identifier: MIT */
/* fork_frees CHILDREN BLOCKS - children free what their parent has allocated, and allocate for themselves; so does a
 * child of each. The parent then frees it all again. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

static void **blocks;
static int n;

static APART void *take(size_t bytes)
{
	void *block = malloc(bytes);
	if (!block)
		abort();
	return memset(block, 1, bytes);
}

static APART void give(void *block)
{
	free(block);
}

static UNTRACED void say(int parent, int takes, int gives)
{
	char text[160];
	const int length =
		snprintf(text, sizeof text, "process %d %d take %d\nprocess %d %d give %d\n",
			 (int)getpid(), parent, takes, (int)getpid(), parent, gives);
	if (write(STDOUT_FILENO, text, (size_t)length) != length)
		_exit(9);
}

static UNTRACED int reap(pid_t pid)
{
	int status = -1;
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static APART void grandchild(int parent)
{
	for (int i = 1; i < n; i += 2) /* what its parent has left */
		give(blocks[i]);
	say(parent, 0, n / 2);
}

static APART int child(int parent)
{
	for (int i = 0; i < n; i += 2)
		give(blocks[i]);
	for (int i = 0; i < n; i += 2)
		give(take((size_t)i + 1));
	const int me = (int)getpid();
	const pid_t pid = fork();
	if (pid == 0) {
		grandchild(me);
		_exit(0);
	}
	say(parent, n / 2, n);
	return reap(pid);
}

int main(int argc, char **argv)
{
	int bad = 0;
	if (argc < 3)
		return 2;
	const int children = atoi(argv[1]), me = (int)getpid();
	n = atoi(argv[2]) / 2 * 2;
	blocks = take((size_t)n * sizeof *blocks);
	for (int i = 0; i < n; i++)
		blocks[i] = take((size_t)i % 3000 + 1);
	for (int i = 0; i < children; i++) {
		const pid_t pid = fork();
		if (pid == 0)
			exit(child(me) ? 1 : 0);
		bad += reap(pid) != 0;
	}
	for (int i = 0; i < n; i++)
		give(blocks[i]);
	give(blocks);
	say((int)getppid(), n + 1, n + 1);
	return bad ? 1 : 0;
}
