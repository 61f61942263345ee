#!/usr/bin/python3
"""Reads a recording as text the way most people do, with pandas' C parser, and prints what text_read prints.
usage: pandas_read.py FILE"""
import sys

import pandas

table = pandas.read_csv(sys.argv[1])
print(f"{len(table)} rows, mean {table.iloc[:, -1].mean():.9g}")
