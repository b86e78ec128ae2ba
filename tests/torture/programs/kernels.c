/* SPDX-License-Identifier: MIT */
/* kernels - arguments in every register that an ABI has for them, and on the stack; results too: integers, floating point,
 * long double, complex, 128-bit, vectors of 16 and 32 bytes, small and large structs, variable arguments. All bits are
 * printed. */
#include <complex.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "victim.h"

#define ROUNDS 3000

typedef double v2d __attribute__((vector_size(16)));
typedef float v8f __attribute__((vector_size(32)));

struct two_words {
	uint64_t a;
	double b;
};
struct floats {
	float x, y, z;
};
struct large {
	long double l[2];
	uint64_t a[5];
	float f;
};

static uint64_t state = 88172645463325252ull, sum = 14695981039346656037ull;

static UNTRACED uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static UNTRACED double real(void)
{
	return (double)(int64_t)next() / 9.7e17;
}

/* Bytes beyond the value of a long double are nobody's. */
static UNTRACED void take(const void *value, size_t bytes)
{
	const unsigned char *byte = value;
	for (size_t i = 0; i < bytes; i++)
		sum = (sum ^ byte[i]) * 1099511628211ull;
}

static APART double doubles(double a, double b, double c, double d, double e, double f, double g,
			    double h, double i, double j)
{
	return a - b * c + d / (1 + e * e) - f + g * h - i + 3 * j;
}

static APART uint64_t integers(uint64_t a, uint32_t b, uint16_t c, uint8_t d, int64_t e, int f,
			       long g, short h)
{
	return a + b * 3ull + c * 5u + d * 7u + (uint64_t)e * 11 + (uint64_t)f * 13 +
	       (uint64_t)g * 17 + (uint64_t)h;
}

static APART double mixed(int a, double b, long c, float d, char e, double f, short g, float h,
			  uint64_t i, double j, void *k, float l, double m)
{
	return a + b * (double)c + (double)d * e + f * g + (double)h + (double)i * j + (k ? 1 : 2) +
	       (double)l - m;
}

static APART long double longs(long double a, double b, long double c, int d)
{
	return a * (long double)b - c / (1 + (long double)d * d);
}

static APART double complex rotate(double complex a, double complex b)
{
	return a * b + conj(a);
}

static APART unsigned __int128 wide(unsigned __int128 a, unsigned __int128 b)
{
	return a * b + (a >> 7);
}

static APART v2d small_vector(v2d a, v2d b, v2d c)
{
	return a * b - c;
}

#if defined(__x86_64__)
#define WIDE_VECTORS __attribute__((target("avx")))
#else
#define WIDE_VECTORS
#endif
static APART WIDE_VECTORS void big_vector(const v8f *a, const v8f *b, v8f *result)
{
	*result = *a * *b - *a;
}

static APART struct two_words two(uint64_t a, double b)
{
	return (struct two_words){a * 3, b / 3};
}

static APART struct floats three(struct floats a, struct floats b)
{
	return (struct floats){a.y * b.z, a.z * b.x, a.x * b.y};
}

static APART struct large many(struct large in, int by)
{
	in.l[0] *= by;
	in.l[1] -= in.l[0];
	for (int i = 0; i < 5; i++)
		in.a[i] = in.a[(i + by) % 5] ^ (uint64_t)by;
	in.f /= 3;
	return in;
}

static APART double variable(int n, ...)
{
	double result = 0;
	va_list list;
	va_start(list, n);
	for (int i = 0; i < n; i++) {
		result += va_arg(list, double);
		result -= (double)va_arg(list, int);
		result *= (double)(va_arg(list, long double) / 1e18L);
	}
	va_end(list);
	return result;
}

static APART void scalars(void)
{
	const double d = doubles(real(), real(), real(), real(), real(), real(), real(), real(),
				 real(), real());
	take(&d, sizeof d);
	const uint64_t i = integers(next(), (uint32_t)next(), (uint16_t)next(), (uint8_t)next(),
				    (int64_t)next(), (int)next(), (long)next(), (short)next());
	take(&i, sizeof i);
	const double m =
		mixed((int)next(), real(), (long)next(), (float)real(), (char)next(), real(),
		      (short)next(), (float)real(), next(), real(), &state, (float)real(), real());
	take(&m, sizeof m);
	const long double l = longs(real(), real(), real(), (int)(next() % 1000));
	take(&l, 10);
	const double v = variable(3, real(), (int)next(), (long double)real(), real(), (int)next(),
				  (long double)real(), real(), (int)next(), (long double)real());
	take(&v, sizeof v);
}

static APART void aggregates(void)
{
	const double complex c = rotate(real() + real() * I, real() - real() * I);
	take(&c, sizeof c);
	const unsigned __int128 w = wide((unsigned __int128)next() << 64 | next(), next());
	take(&w, sizeof w);
	const v2d s =
		small_vector((v2d){real(), real()}, (v2d){real(), real()}, (v2d){real(), real()});
	take(&s, sizeof s);
	const struct two_words t = two(next(), real());
	take(&t, sizeof t);
	const struct floats f = three((struct floats){(float)real(), (float)real(), (float)real()},
				      (struct floats){(float)real(), (float)real(), (float)real()});
	take(&f, sizeof f);
	const struct large in = {
		{real(), real()}, {next(), next(), next(), next(), next()}, (float)real()};
	const struct large out = many(in, (int)(next() % 7));
	take(&out.l[0], 10);
	take(&out.l[1], 10);
	take(out.a, sizeof out.a);
	take(&out.f, sizeof out.f);
}

static APART int wide_vectors(void)
{
	v8f a = {0}, b = {0}, result;
#if defined(__x86_64__)
	if (!__builtin_cpu_supports("avx"))
		return 0;
#endif
	for (int i = 0; i < 8; i++) {
		a[i] = (float)real();
		b[i] = (float)real();
	}
	big_vector(&a, &b, &result);
	take(&result, sizeof result);
	return 1;
}

int main(void)
{
	int wides = 0;
	for (int i = 0; i < ROUNDS; i++) {
		scalars();
		aggregates();
		wides += wide_vectors();
	}
	printf("all bits: %016lx\n", (unsigned long)sum);
	SAY_CALLS("scalars", ROUNDS);
	SAY_CALLS("aggregates", ROUNDS);
	SAY_CALLS("doubles", ROUNDS);
	SAY_CALLS("mixed", ROUNDS);
	SAY_CALLS("longs", ROUNDS);
	SAY_CALLS("variable", ROUNDS);
	SAY_CALLS("many", ROUNDS);
	SAY_CALLS("small_vector", ROUNDS);
	SAY_CALLS("big_vector", wides);
	return 0;
}
