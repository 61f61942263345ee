/* The page of a run as PDF, by a program of the computer's: penrig draws no PDF itself. */
#ifndef PENRIG_CLI_KIT_PDF_H
#define PENRIG_CLI_KIT_PDF_H

#include "reports/report.h"

/* -ENOSYS with a remedy where none of the programs is installed; -EIO with its own words where it fails. Not the same bytes
 * each time: the program puts its own time into it. */
extern const struct report_writer report_pdf;

#endif
