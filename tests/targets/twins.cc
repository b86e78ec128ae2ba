/* SPDX-License-Identifier: MIT */
/* twins - a function that two modules have, inlined in both: the hooks of either are for that of the program. LIBRARY: the other
 * module; ODD: nobody knows what else it does with hooks. */
#include "victim.h"

static volatile unsigned long sink;

inline void both()
{
	sink++;
}

#ifdef LIBRARY
#ifdef ODD
extern "C" void __cyg_profile_func_exit(void *function, void *caller);
void (*odd)(void *, void *) = __cyg_profile_func_exit;
#endif

void library()
{
	both();
}
#else
static APART void alone()
{
	sink++;
}

int main()
{
	both();
	alone();
	return 0;
}
#endif
