/* Sampling loops compiled once more for wider vectors, chosen when the program starts. The lanes are written out in the
 * source and nothing is contracted (-ffp-contract=off), so every clone yields the same bits. */
#ifndef PENRIG_MEASURE_CLONES_H
#define PENRIG_MEASURE_CLONES_H

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) &&                           \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define VECTOR_CLONES
#endif

#endif
