/* Integrals by Gauss and Legendre's rule: fixed places, so the same integrand gives the same bits. */
#ifndef PENRIG_MEASURE_QUADRATURE_H
#define PENRIG_MEASURE_QUADRATURE_H

#define QUADRATURE_NODES 16 /* of a panel: exact for polynomials up to degree 31 */

typedef double (*integrand)(double x, const void *ctx);

/* From a to b in `panels` equal panels, >= 1; a > b turns the sign. */
double integrate(integrand f, const void *ctx, double a, double b, unsigned panels);

#endif
