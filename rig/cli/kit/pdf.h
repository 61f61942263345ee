/* The page of a run as PDF, by a program of the computer's: penrig draws no PDF itself. */
#ifndef PENRIG_CLI_KIT_PDF_H
#define PENRIG_CLI_KIT_PDF_H

#include "reports/report.h"

/* -ENOSYS with a remedy where none of the programs is installed; -EIO with its own words where it fails. Not the same bytes
 * each time: the program puts its own time into it. */
extern const struct report_writer report_pdf;

/* The page at that path as PDF/A-3b into `out`: the form of an archive, or none. Errors as above. */
int pdf_archive(const char *page, FILE *out, struct err *err);
/* Whether a program for that is installed, before anything else is written: 0 or -ENOSYS with the remedy. */
int pdf_archive_check(struct err *err);

#endif
