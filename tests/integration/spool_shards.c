/* SPDX-License-Identifier: MIT */
/* spool-shards SPOOL - how many shards there are, and how many of them were ever folded into. */
#include <stdio.h>

#include "spool/layout.h"

int main(int argc, char **argv)
{
	static struct ap_spool_header header;
	FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
	unsigned used = 0;

	if (!file || fread(&header, sizeof header, 1, file) != 1)
		return 2;
	for (unsigned i = 0; i < AP_MAX_SHARDS; i++) {
		struct ap_shard shard;
		if (!header.shard_refs[i])
			continue;
		if (fseek(file, (long)header.shard_refs[i] * AP_REF_UNIT, SEEK_SET) != 0 ||
		    fread(&shard, sizeof shard, 1, file) != 1)
			return 2;
		used += shard.folds != 0;
	}
	printf("%u %u\n", header.shards, used);
	fclose(file);
	return 0;
}
