/* SPDX-License-Identifier: MIT */
/* tests/real/sqlite_threads.c - drives SQLite: four threads, each with a database of its own in memory.
 *
 * sqlite_threads [ROWS] [--in-turn]: --in-turn has the main thread do all of it, one part after the other. Nothing is shared but SQLite's own globals, and nothing asks for the time or for its
 * random numbers (journals do): two runs do the same calls on the same threads. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

#define THREADS 4

struct job {
	unsigned number;
	unsigned rows;
	char answer[256];
};

static void fail(sqlite3 *db, const char *what)
{
	fprintf(stderr, "sqlite_threads: %s: %s\n", what, sqlite3_errmsg(db));
	exit(1);
}

static void execute(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fail(db, sql);
	}
}

static void insert_rows(sqlite3 *db, const struct job *job)
{
	sqlite3_stmt *insert;
	char name[32];
	if (sqlite3_prepare_v2(db, "INSERT INTO item(name, kind, price) VALUES(?, ?, ?)", -1,
			       &insert, NULL)) {
		fail(db, "prepare");
	}
	execute(db, "BEGIN");
	for (unsigned i = 0; i < job->rows; i++) {
		const unsigned mixed = (i * 2654435761u) ^ (job->number * 40503u);
		snprintf(name, sizeof(name), "item-%08x", mixed);
		sqlite3_bind_text(insert, 1, name, -1, SQLITE_STATIC);
		sqlite3_bind_int(insert, 2, (int)(mixed % 23u));
		sqlite3_bind_double(insert, 3, (double)(mixed % 10007u) / 8.0);
		if (sqlite3_step(insert) != SQLITE_DONE) {
			fail(db, "insert");
		}
		sqlite3_reset(insert);
	}
	execute(db, "COMMIT");
	sqlite3_finalize(insert);
}

static int upper_half(void *calls, int columns, char **values, char **names)
{
	(void)columns;
	(void)values;
	(void)names;
	++*(unsigned *)calls;
	return 0;
}

static void ask(sqlite3 *db, struct job *job)
{
	static const char question[] = "SELECT count(*) || ' ' || sum(n) || ' ' || max(dear) FROM "
				       "(SELECT kind, count(*) AS n, "
				       "max(price) AS dear FROM item WHERE name LIKE '%7%' GROUP "
				       "BY kind ORDER BY dear DESC)";
	sqlite3_stmt *select;
	unsigned rows = 0;
	if (sqlite3_exec(db,
			 "SELECT a.name, b.name FROM item a JOIN item b ON b.name = a.name AND "
			 "b.kind > 11 "
			 "ORDER BY a.price, a.name",
			 upper_half, &rows, NULL) ||
	    sqlite3_prepare_v2(db, question, -1, &select, NULL) ||
	    sqlite3_step(select) != SQLITE_ROW) {
		fail(db, "select");
	}
	snprintf(job->answer, sizeof(job->answer), "%u rows, %s", rows,
		 (const char *)sqlite3_column_text(select, 0));
	sqlite3_finalize(select);
}

static void *run(void *of_job)
{
	struct job *job = of_job;
	sqlite3 *db;
	if (sqlite3_open(":memory:", &db) != SQLITE_OK) {
		fail(db, "open");
	}
	execute(db, "PRAGMA temp_store=MEMORY; PRAGMA journal_mode=OFF;"
		    "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, kind INT, price REAL);"
		    "CREATE INDEX item_name ON item(name)");
	insert_rows(db, job);
	execute(db,
		"CREATE INDEX item_price ON item(price);"
		"CREATE VIRTUAL TABLE text USING fts5(body);"
		"INSERT INTO text SELECT name || ' of kind ' || kind FROM item WHERE id % 7 = 0;"
		"UPDATE item SET price = price * 1.25 WHERE kind IN (3, 5, 7);"
		"DELETE FROM item WHERE kind = 2 AND id IN (SELECT id FROM item WHERE price > 500);"
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
		"INSERT INTO item(name, kind, price) SELECT 'extra-' || i, i % 23, i FROM n");
	ask(db, job);
	sqlite3_close(db);
	return NULL;
}

int main(int argc, char **argv)
{
	const int in_turn = strcmp(argv[argc - 1], "--in-turn") == 0;
	const unsigned rows = argc > 1 ? (unsigned)atoi(argv[1]) : 3000;
	pthread_t threads[THREADS];
	struct job jobs[THREADS];

	/* Once, before there are threads: otherwise one of them does it, and which one is chance. */
	sqlite3_initialize();
	for (unsigned i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.number = i, .rows = rows};
		if (in_turn)
			run(&jobs[i]);
		else
			pthread_create(&threads[i], NULL, run, &jobs[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		if (!in_turn)
			pthread_join(threads[i], NULL);
		printf("thread %u: %s\n", i, jobs[i].answer);
	}
	sqlite3_shutdown();
	return 0;
}
