# The exception that longjmp throws, with a pointer to what it carries.
	.tagtype __c_longjmp i32
	.globl __c_longjmp
__c_longjmp:
