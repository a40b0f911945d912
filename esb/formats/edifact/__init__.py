"""UN/EDIFACT: interchanges of messages such as ORDERS, read, validated, answered and written."""
