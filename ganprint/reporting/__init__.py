"""Reports: tables, figures and pages of results and of cases."""
