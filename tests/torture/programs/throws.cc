// SPDX-License-Identifier: MIT
// throws N - N times each: an exception through 100 frames, caught by type, by base, by (...); thrown again; thrown in a
// handler; out of a constructor; carried in a std::exception_ptr to another thread; caught by a function that is not
// instrumented; through one; nested ones; a destructor that catches its own while another one is on its way.
#include <cstdlib>
#include <exception>
#include <pthread.h>
#include <stdexcept>

#include "victim.h"

static const int levels = 100;
static volatile unsigned long sink;
static unsigned long destroyed;

struct Guard {
	APART ~Guard()
	{
		destroyed++;
	}
};

static APART void after()
{
	sink = sink + 1;
}

static APART void dive(int n)
{
	if (n == 1)
		throw std::runtime_error("deep");
	if (n > 0) // always: the compiler need not know
		dive(n - 1);
	sink = sink + 1;
}

static APART void guarded(int n)
{
	Guard guard;
	if (n == 1)
		throw std::logic_error("guarded");
	if (n > 0)
		guarded(n - 1);
	sink = sink + 1;
}

static APART void by_type()
{
	try {
		dive(levels);
	} catch (const std::runtime_error &) {
		after();
	}
	after();
}

static APART void by_base()
{
	try {
		guarded(levels);
	} catch (const std::exception &) {
	}
	after();
}

static APART void passes()
{
	try {
		dive(levels);
	} catch (const std::logic_error &) { // not this one
		abort();
	}
}

static APART void again()
{
	try {
		passes();
	} catch (...) {
		throw;
	}
}

static APART void by_all()
{
	try {
		again();
	} catch (...) {
		after();
	}
	after();
}

static APART void in_handler()
{
	try {
		try {
			dive(levels);
		} catch (...) {
			guarded(levels);
		}
	} catch (const std::logic_error &) {
		after();
	}
}

struct Fails {
	Guard guard;
	APART Fails()
	{
		dive(levels);
	}
};

static APART void constructor()
{
	try {
		Fails fails;
	} catch (...) {
	}
	after();
}

struct Catches {
	APART ~Catches()
	{
		try {
			guarded(levels);
		} catch (...) {
		}
	}
};

static APART void while_unwinding()
{
	try {
		Catches catches;
		dive(levels);
	} catch (const std::runtime_error &) {
		after();
	}
}

static UNTRACED APART void catch_unseen()
{
	try {
		dive(levels);
	} catch (...) {
	}
}

static UNTRACED APART void pass_unseen()
{
	Guard guard;
	dive(levels);
}

static APART void unseen()
{
	catch_unseen();
	after();
	try {
		pass_unseen();
	} catch (...) {
	}
	after();
}

static APART void nested()
{
	try {
		try {
			dive(levels);
		} catch (...) {
			std::throw_with_nested(std::logic_error("outer"));
		}
	} catch (const std::exception &outer) {
		try {
			std::rethrow_if_nested(outer);
		} catch (const std::runtime_error &) {
			after();
		}
	}
}

static std::exception_ptr carried;

static void *throw_in_thread(void *unused)
{
	try {
		dive(levels);
	} catch (...) {
		carried = std::current_exception();
	}
	return unused;
}

static APART void from_thread()
{
	pthread_t thread;
	if (pthread_create(&thread, nullptr, throw_in_thread, nullptr) ||
	    pthread_join(thread, nullptr))
		abort();
	try {
		std::rethrow_exception(carried);
	} catch (const std::runtime_error &) {
		after();
	}
	carried = nullptr;
}

int main(int argc, char **argv)
{
	const int n = argc > 1 ? atoi(argv[1]) : 1;
	for (int i = 0; i < n; i++) {
		by_type();
		by_base();
		by_all();
		in_handler();
		constructor();
		while_unwinding();
		unseen();
		nested();
		from_thread();
	}
	printf("destroyed %lu\n", destroyed);
	SAY_CALLS("main", 1);
	SAY_CALLS("dive", 9 * n * levels);
	SAY_CALLS("guarded", 3 * n * levels);
	SAY_CALLS("Guard::~Guard", destroyed);
	SAY_CALLS("Fails::Fails", n);
	SAY_CALLS("Catches::~Catches", n);
	SAY_CALLS("after", 12 * n);
	SAY_CALLS("throw_in_thread", n);
	return 0;
}
