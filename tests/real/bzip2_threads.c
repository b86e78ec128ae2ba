/* SPDX-License-Identifier: MIT */
/* tests/real/bzip2_threads.c - drives libbz2: four threads compress texts of their own and check them.
 *
 * bzip2_threads [ROUNDS [BYTES]] [--in-turn]: --in-turn has the main thread do all of it, one part after the other. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bzlib.h"

#define THREADS 4

struct job {
	unsigned number;
	unsigned rounds;
	unsigned bytes;
	unsigned long packed;
	int failed;
};

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 33;
}

/* Words of a small vocabulary: compressible, without long repeats. */
static void write_text(char *text, unsigned bytes, uint64_t seed)
{
	static const char *const words[] = {"time ",  "person ", "year ",  "way ",   "day ",
					    "thing ", "man ",	 "world ", "life ",  "hand ",
					    "part ",  "child ",	 "eye ",   "woman ", "place ",
					    "work ",  "week\n",	 "case "};
	unsigned at = 0;
	while (at < bytes) {
		const char *word = words[next_random(&seed) % (sizeof(words) / sizeof(words[0]))];
		const size_t n = strlen(word) < bytes - at ? strlen(word) : bytes - at;
		memcpy(text + at, word, n);
		at += (unsigned)n;
	}
}

static void round_trip(struct job *job, char *text, char *packed, char *again)
{
	unsigned packed_bytes = job->bytes + job->bytes / 100 + 600, again_bytes = job->bytes;
	if (BZ2_bzBuffToBuffCompress(packed, &packed_bytes, text, job->bytes, 1, 0, 0) != BZ_OK ||
	    BZ2_bzBuffToBuffDecompress(again, &again_bytes, packed, packed_bytes, 0, 0) != BZ_OK ||
	    again_bytes != job->bytes || memcmp(text, again, job->bytes) != 0) {
		job->failed = 1;
	}
	job->packed += packed_bytes;
}

static void *run(void *of_job)
{
	struct job *job = of_job;
	char *text = malloc(job->bytes), *packed = malloc(job->bytes * 2 + 600),
	     *again = malloc(job->bytes);
	for (unsigned i = 0; i < job->rounds; i++) {
		write_text(text, job->bytes, job->number * 1000u + i);
		round_trip(job, text, packed, again);
	}
	free(text);
	free(packed);
	free(again);
	return NULL;
}

int main(int argc, char **argv)
{
	const int in_turn = strcmp(argv[argc - 1], "--in-turn") == 0;
	const unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 4;
	const unsigned bytes = argc - in_turn > 2 ? (unsigned)atoi(argv[2]) : 200000;
	pthread_t threads[THREADS];
	struct job jobs[THREADS];
	int failed = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.number = i, .rounds = rounds, .bytes = bytes};
		if (in_turn)
			run(&jobs[i]);
		else
			pthread_create(&threads[i], NULL, run, &jobs[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		if (!in_turn)
			pthread_join(threads[i], NULL);
		printf("thread %u: %lu bytes packed\n", i, jobs[i].packed);
		failed |= jobs[i].failed;
	}
	return failed;
}
