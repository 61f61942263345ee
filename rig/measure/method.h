/* Which way of measuring and judging gave a result. docs/method.md has a line for each version. */
#ifndef PENRIG_MEASURE_METHOD_H
#define PENRIG_MEASURE_METHOD_H

/* One more with every change by which the same samples may give another value, uncertainty, trust or outcome. A run file
 * names the version that judged it; its results come out bit for bit by the same version alone. */
#define METHOD_VERSION 9

/* That of a run file which names none. */
#define METHOD_UNNAMED 1

#endif
